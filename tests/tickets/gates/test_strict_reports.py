"""A JUnit report opens a gate only where all of it is understood."""

import json
import random
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.factories import allow_workflow, submit
from tests.support import reports
from tickets.gates import evidence
from tickets.gates.checks import documents
from tickets.models import Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
# As each tool writes a run of two tests that passed and, where it can, one that was skipped.
DIALECTS = {
    file.stem: file.read_text() for file in sorted(Path(__file__).with_name("junit_dialects").glob("*.xml"))
}
PASSES = [
    *(pytest.param(HEAD + report, id=name) for name, report in DIALECTS.items()),
    pytest.param("\ufeff" + DIALECTS["pytest"], id="a mark of its byte order"),
]
ENCODED = {"utf-16": "utf-16", "iso-8859-1": "latin-1", "windows-1252": "cp1252"}
UNREADABLE = [
    '<testsuite tests="2"><testcase/></testsuite>',
    '<testsuite failures="1"><testcase/></testsuite>',
    '<testsuites errors="1"><testsuite><testcase/></testsuite></testsuites>',
    '<testsuite skipped="1"><testcase/></testsuite>',
    '<testsuite tests="-1"><testcase/></testsuite>',
    "<testsuite><testcase><Failure/></testcase></testsuite>",
    "<testsuite><testcase><fail/></testcase></testsuite>",
    '<testsuite xmlns:x="urn:x"><testcase><x:failure/></testcase></testsuite>',
    '<testsuite><testcase outcome="exploded"/></testsuite>',
    "<testsuite><testcase/>",
    "<TestRun/>",
    '<testsuite xmlns="urn:x"><testcase/></testsuite>',
    "<!DOCTYPE testsuite><testsuite><testcase/></testsuite>",
    "<!DOCTYPE testsuite [<!ENTITY a 'x'>]><testsuite><testcase name='&a;'/></testsuite>",
    "<testsuite><testcase/>&unknown;</testsuite>",
    '<?xml version="1.0" encoding="utf-7"?><testsuite><testcase/></testsuite>',
    '<?xml version="1.0" encoding="x"?><testsuite><testcase/></testsuite>',
    "<testsuite><testcase/>\0</testsuite>",
    '<testsuite><testcase status="run" status="failed"/></testsuite>',
    "<testsuite><testcase/></testsuite><testsuite/>",
    "<testsuite><testcase><properties><failure/></properties></testcase></testsuite>",
    "<testsuite><testcase><system-out><failure/></system-out></testcase></testsuite>",
    "<testsuite><testcase><testcase/></testcase></testsuite>",
    '<testsuite Failures="1"><testcase/></testsuite>',
    '<testsuite failed="1"><testcase/></testsuite>',
    '<testsuite flakes="1"><testcase/></testsuite>',
    '<testsuite tests="1.0"><testcase/></testsuite>',
    '<testsuite tests="99999999999999999999"><testcase/></testsuite>',
    '<testsuite tests="٣"><testcase/><testcase/><testcase/></testsuite>',
    '<testsuite disabled="1"><testcase/></testsuite>',
    '<testsuite><testcase success="maybe"/></testsuite>',
    '<testsuite><testcase status=""/></testsuite>',
    "",
    " ",
    "{}",
]
FAILED = [
    '<testcase status="failed"/>',
    '<testcase result="FAIL"/>',
    "<testcase><flakyFailure/></testcase>",
    "<failure/>",
    "<testcase><rerunFailure><stackTrace>at a</stackTrace><system-out/></rerunFailure></testcase>",
    '<testcase status="timed out"/>',
    '<testcase Status="Failed"/>',
    '<testcase success="False"/>',
    '<testcase passed="no"/>',
    '<testcase failed="true"/>',
    '<testcase error="it broke"/>',
    "<testcase><skipped/><error/></testcase>",
    '<testcase status="passed"><failure/></testcase>',
]


@pytest.mark.parametrize("report", PASSES)
def test_a_well_formed_report_passes(report):
    found = evidence.tests(report.encode())

    assert found.failed == 0
    assert found.total - found.skipped == 2


@pytest.mark.parametrize("encoding", ENCODED)
def test_a_report_may_be_in_any_encoding_it_names(encoding):
    report = f'<?xml version="1.0" encoding="{encoding}"?><testsuite><testcase name="ä"/></testsuite>'

    assert evidence.tests(report.encode(ENCODED[encoding])).total == 1


def test_the_same_test_told_twice_failed_if_one_of_them_did():
    assert (
        evidence.tests(
            b'<testsuite><testcase name="a"><failure/></testcase><testcase name="a"/></testsuite>'
        ).failed
        == 1
    )


@pytest.mark.parametrize("report", UNREADABLE)
def test_what_is_not_understood_is_no_pass(report):
    with pytest.raises(evidence.Unreadable):
        evidence.tests(report.encode())


@pytest.mark.parametrize("part", FAILED)
def test_a_failure_in_another_spelling_is_a_failure(part):
    assert evidence.tests(f"<testsuite>{part}</testsuite>".encode()).failed == 1


COVERED = (
    "<coverage %s><packages><package><classes><class"
    " %s><lines>%s</lines></class></classes></package></packages></coverage>"
)


@pytest.mark.parametrize(
    "lines",
    [
        '<line hits="1"/>',
        '<line number="1"/>',
        '<line number="" hits="1"/>',
        '<line number="0" hits="1"/>',
        '<line number="-1" hits="1"/>',
        '<line number="1" hits="-1"/>',
        '<line number="1" hits="1.0"/>',
        '<line number="1" hits="NaN"/>',
        '<line number="1" hits="٣"/>',
        f'<line number="1" hits="{"9" * 9_000_000}"/>',
        f'<line number="{"9" * 5_000}" hits="1"/>',
        "<lines/>",
    ],
)
def test_a_line_of_code_without_sound_numbers_makes_coverage_unreadable(lines):
    with pytest.raises(evidence.Unreadable) as fault:
        evidence.coverage((COVERED % ("", 'filename="a.py"', lines)).encode())

    assert len(str(fault.value)) < 300


@pytest.mark.parametrize("rate", ["1.2", "-0.1", "120", "NaN", "inf", "0,9", "x", "1e9"])
@pytest.mark.parametrize("where", ["coverage", "class"])
def test_a_rate_beyond_none_and_all_makes_coverage_unreadable(rate, where):
    told = f'line-rate="{rate}"'
    report = COVERED % (
        told if where == "coverage" else "",
        f'filename="a.py" {told if where == "class" else ""}',
        '<line number="1" hits="1"/>',
    )

    with pytest.raises(evidence.Unreadable):
        evidence.coverage(report.encode())


@pytest.mark.parametrize(
    ("totals", "agree"),
    [
        ('lines-valid="4" lines-covered="3"', True),
        ('line-rate="0.75" lines-valid="4" lines-covered="3" branch-rate="0" complexity="NaN"', True),
        ('line-rate="" lines-valid="4" lines-covered="3"', True),
        ('line-rate="7.5E-1" lines-valid="4" lines-covered="3"', True),
        ('line-rate="0.76" lines-valid="4" lines-covered="3"', True),  # rounded
        ('line-rate="1" lines-valid="4" lines-covered="3"', False),
        ('line-rate="0.2" lines-valid="4" lines-covered="3"', False),
        ('lines-valid="400" lines-covered="3"', False),
        ('lines-valid="4" lines-covered="4"', False),
    ],
)
def test_totals_of_coverage_that_contradict_its_lines_are_told(totals, agree):
    lines = "".join(f'<line number="{number}" hits="{int(number < 4)}"/>' for number in range(1, 5))

    found = evidence.coverage((COVERED % (totals, 'filename="a.py"', lines)).encode())

    assert found == 75
    assert (not found.contradiction) == agree


@pytest.mark.parametrize(
    "totals", ["", 'line-rate="1"', 'lines-valid="1"', 'lines-valid="" lines-covered="1"']
)
def test_coverage_that_does_not_tell_its_totals_may_be_a_piece_and_is_not_read(totals):
    with pytest.raises(evidence.Unreadable, match="totals"):
        evidence.coverage((COVERED % (totals, 'filename="a.py"', '<line number="1" hits="1"/>')).encode())


FOREIGN = {
    "jacoco": b'<?xml version="1.0"?><!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd">'
    b'<report name="x"/>',
    "clover": b'<coverage generated="1"><project timestamp="1">'
    b'<metrics statements="4" coveredstatements="4"/></project></coverage>',
    "lcov": b"TN:\nSF:a.py\nDA:1,1\nLF:1\nLH:1\nend_of_record\n",
    "coverage.py as json": b'{"totals": {"percent_covered": 100.0}}',
    "go": b"mode: set\na.go:1.1,2.2 1 1\n",
    "opencover": b"<CoverageSession/>",
}


@pytest.mark.parametrize("report", FOREIGN.values(), ids=FOREIGN)
def test_coverage_in_another_format_is_refused_with_the_one_that_is_read(report):
    with pytest.raises(evidence.Unreadable, match="not Cobertura"):
        evidence.coverage(report)


def test_a_gate_may_ask_for_a_number_of_lines(project, operator):
    phases = [
        {"name": "DO", "to": ["OUT"], "gate": [{"check": "min_coverage", "percent": 80, "lines": 100}]},
        {"name": "OUT", "to": []},
    ]
    workflow = allow_workflow(project, Workflow.objects.install({"name": "covered", "phases": phases}))
    ticket = Ticket.objects.open(project, TicketSpec("x", workflow=workflow), by=operator)

    submit(ticket, "test_coverage", reports.cobertura(1, 0), by=operator)
    [refused] = Ticket.objects.judge(pk=ticket.pk, by=operator).checks[0]["reasons"]
    assert (refused["code"], refused["need"], refused["got"]) == ("too_few_lines", 100, 1)

    submit(ticket, "test_coverage", reports.cobertura(90, 10), by=operator)
    assert Ticket.objects.judge(pk=ticket.pk, by=operator).passed


@pytest.mark.parametrize(
    "commit", [None, 7, "", "c", "main", "4f2a91", "4f2a91g", "4f2a91c\n", "4" * 65, "٣" * 7]
)
def test_changes_name_the_commit_they_are(commit):
    with pytest.raises(evidence.Unreadable, match="commit"):
        evidence.changes(json.dumps({"commit": commit, "files": ["tests/test_a.py"]}).encode())


def test_any_bytes_are_read_or_refused_in_words():
    """Reports of all kinds with pieces cut, doubled, turned and put in: never an error of another kind, and a
    failure is never lost.
    """
    chance = random.Random(11)
    whole = [report.encode() for report in DIALECTS.values()] + [
        (
            COVERED % ('lines-valid="1" lines-covered="1"', 'filename="a"', '<line number="1" hits="1"/>')
        ).encode()
    ]
    odd = [
        b"<",
        b"&",
        b"\0",
        b'"',
        b"]]>",
        b"<!--",
        b"<failure/>",
        b"\xff",
        b"<?x?>",
        "\u200b".encode(),
        b"9" * 50,
        b"<!DOCTYPE a [",
        b"</testcase>",
    ]
    for _ in range(1_500):
        report = bytearray(chance.choice(whole))
        for _ in range(chance.randint(1, 4)):
            place, length = chance.randrange(len(report) + 1), chance.randint(0, 40)
            report[place : place + length] = chance.choice(
                [b"", chance.choice(odd), bytes(report[:length]), chance.randbytes(3)]
            )
        for read in (evidence.tests, evidence.coverage, evidence.document, evidence.changes):
            try:
                found = read(bytes(report))
            except evidence.Unreadable as fault:
                words = str(fault)
            else:
                words = ""
                broken = read is evidence.tests and re.search(
                    rb"<(failure|error)\b",
                    re.sub(rb"(?s)<!\[CDATA\[.*?\]\]>|<!--.*?-->|<\?.*?\?>", b"", report),
                )
                assert not broken or found.failed
            assert len(words) < 300
            assert words.isprintable()


@pytest.mark.parametrize(
    "hidden",
    [
        "<!-- {} -->",
        "<!--\n\n{}\n\n-->",
        "text <!-- {} --> text",
        "<!-- {}",
        "[//]: # ({})",
        "[link]: https://example.org/{}",
        "<script>{}</script>",
        "<div title='{}'></div>",
        "![](https://example.org/{})",
        "![{}](https://example.org/)",
        "<?{}?>",
        "<!X {}>",
        "<![CDATA[{}]]>",
        "text <?{}?> text",
        '<div title=">{}"></div>',
        "[x]: https://example.org\n  'the title {}'",
        "[x]:\nhttps://example.org/{}",
        "<div hidden>{}</div>",
        "<div hidden>\n\n{}\n\n</div>",
        "<div HIDDEN=''>\n\n- one\n\n{}\n\n</div>",
        "text <span hidden>{}</span> text",
        "<div class='a' hidden>\n\n<div>\n\ninner\n\n</div>\n\n{}\n\n</div>",
        "<div hidden>\n\n```\n{}\n```\n\n</div>",
        "<div hidden>\n\n## {}\n\n</div>",
        '<p style="display:none">{}</p>',
        "<p style='font-size:0'>\n\n{}\n\n</p>",
        '<span aria-hidden="true">{}</span>',
        "<template>\n\n{}\n\n</template>",
        "<dialog>{}</dialog>",
        '<div hidden title="`">{}</div> `',
        "```{}\n```",
    ],
)
def test_what_a_reader_of_a_document_does_not_see_counts_nothing(hidden):
    assert evidence.document(f"# Scope\n\n{hidden.format('x' * 600)}\n".encode()).length < 30


@pytest.mark.parametrize(
    "blank",
    [
        " ",
        "\n",
        "\t",
        "\u200b",
        "\u2060",
        "\ufeff",
        "\u3164",
        "\ufe0f",
        "\u00ad",
        "\u00a0",
        "&nbsp;",
        "&#8203;",
        "&zwnj;",
        "&#x2800;",
        "- \n",
        "> \n",
    ],
)
def test_blanks_and_invisible_characters_of_a_document_count_nothing(blank):
    assert evidence.document(f"a{blank * 600}b".encode()).length < 10
    assert evidence.document(f"a{f'x{blank}' * 100}b".encode()).length < 310


def test_all_a_reader_sees_of_a_document_counts():
    assert evidence.document(
        "# Größe\n\n- one\n- **two**\n\n```\nprint(1)\n```\n\n"
        "[here](https://example.org) &amp; a < b\n".encode()
    ).length == len("# Größe\n\none\n\n**two**\n\nprint(1)\n\nhere & a < b")


@pytest.mark.parametrize(
    "shown",
    [
        "The `<template>` element and `<div hidden>` hide: {}",
        "``a ` <script>`` {}",
        "\\<script> {}",
        "<details><summary>More</summary>\n\n{}\n\n</details>",
        "<div hidden>gone</div>\n\n{}",
        "<div hidden><br>gone<div>gone</div></div>\n\n{}",
        "<p hidden>gone</p> {}",
        "<p title='hidden' align=center>{}</p>",
        "1 < 2 and 3 > 2, {}",
        "```\n<script>\n```\n\n{}",
    ],
)
def test_what_a_reader_of_a_document_sees_counts(shown):
    assert 600 <= evidence.document(shown.format("x" * 600).encode()).length < 680


def test_a_heading_nobody_sees_is_no_section():
    found = evidence.document(
        b"# Scope <!-- Risks -->\n\n## <!-- Acceptance -->\n\n<!--\n## Plan\n-->\n\n```\n# Costs\n```\n"
    )

    assert found.sections == {"scope", ""}


def test_references_of_absurd_numbers_are_read():
    assert evidence.document(b"a &#" + b"9" * 100_000 + b"; b &#x" + b"f" * 100_000 + b";").length == 3


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("# Scope\n\n<title>All of it\n\n" + "word " * 90, "<title>, which is never closed,"),
        (
            "Head.\n\n<table style='color: red'>\n<tr><td>" + "word " * 90 + "</table>\n\nEnd.",
            "<table style>",
        ),
        ("<p hidden>a</p>\n\n<template>" + "word " * 90 + "</template>", "<template>"),
        ("<style>\n\n```\n" + "word " * 90 + "\n```\n", "<style>, which is never closed,"),
        ("<p hidden></p> Short.", ""),
        (f"<{'x' * 5000} hidden>" + "word " * 90, f"<{'x' * 40} hidden>, which is never closed,"),
    ],
)
def test_a_document_tells_what_hid_its_text(text, named):
    assert evidence.document(text.encode()).hides == named


def test_a_refusal_as_too_short_names_what_hid_the_text():
    case = SimpleNamespace(
        newest=lambda kind: SimpleNamespace(
            blob=SimpleNamespace(
                size=900, hash="hides", pieces=lambda: [b"# Scope\n\n<title>x\n\n" + b"word " * 90]
            )
        ),
        ticket=SimpleNamespace(pk=0),
    )
    [reason] = documents.min_length(case, {"type": "requirements_document", "length": 100})
    assert "text inside <title>, which is never closed, is hidden from readers" in reason.how
