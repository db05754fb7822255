"""A JUnit report opens a gate only where all of it is understood."""

import json
import random
import re
from types import SimpleNamespace

import pytest

from tests.factories import allow_workflow, submit
from tests.support import reports
from tickets.gates import checks, evidence
from tickets.models import Ticket, TicketSpec, Workflow

pytestmark = pytest.mark.django_db

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
DIALECTS = {  # as each tool writes a run of two tests that passed and, where it can, one that was skipped
    "pytest": """<testsuites name="pytest tests"><testsuite name="pytest" errors="0" failures="0" skipped="1" tests="3" time="0.041"
        timestamp="2026-11-28T07:00:00.000000+00:00" hostname="ci"><properties><property name="arch" value="PPC"/></properties>
        <testcase classname="tests.test_pay" name="test_a[x&lt;y]" time="0.001"><properties><property name="id" value="7"/></properties>
        <system-out>--- Captured Out ---</system-out></testcase><testcase classname="tests.test_pay" name="test_b" time="0.000" />
        <testcase classname="tests.test_pay" name="test_c" time="0.000"><skipped type="pytest.skip" message="no">a.py:3: no</skipped></testcase>
        </testsuite></testsuites>""",
    "surefire": """<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="3.0.2" name="org.PayTest" time="0.05" tests="3" errors="0"
        xsi:noNamespaceSchemaLocation="https://maven.apache.org/surefire/maven-surefire-plugin/xsd/surefire-test-report.xsd" skipped="1"
        failures="0" flakes="0"><properties><property name="java.version" value="21"/></properties>
        <testcase name="a" classname="org.PayTest" time="0.01"><system-out><![CDATA[out <failure/>]]></system-out><system-err/></testcase>
        <testcase name="b" classname="org.PayTest" time="0"/>
        <testcase name="c" classname="org.PayTest" time="0"><skipped message="off"/></testcase></testsuite>""",
    "gradle": """<testsuite name="PayTest" tests="3" skipped="1" failures="0" errors="0" timestamp="2026-11-28T07:00:00.000Z" hostname="ci" time="0.02">
        <properties/><testcase name="a()" classname="PayTest" time="0.019"/><testcase name="b()" classname="PayTest" time="0.001"/>
        <testcase name="c()" classname="PayTest" time="0.0"><skipped/></testcase><system-out><![CDATA[]]></system-out><system-err><![CDATA[]]></system-err>
        </testsuite>""",
    "googletest": """<testsuites tests="3" failures="0" disabled="1" errors="0" time="0.001" timestamp="2026-11-28T07:00:00.000" name="AllTests">
        <testsuite name="Pay" tests="3" failures="0" disabled="1" skipped="0" errors="0" time="0." timestamp="2026-11-28T07:00:00.000">
        <testcase name="A" file="pay.cc" line="3" status="run" result="completed" time="0." classname="Pay"><properties>
        <property name="key" value="1"/></properties></testcase>
        <testcase name="B/0" value_param="7" status="run" result="completed" time="0." classname="Pay" />
        <testcase name="DISABLED_C" status="notrun" result="suppressed" time="0." classname="Pay" /></testsuite></testsuites>""",
    "jest-junit": """<testsuites name="jest tests" tests="3" failures="0" errors="0" time="0.6"><testsuite name="pay" errors="0" failures="0" skipped="1"
        timestamp="2026-11-28T07:00:00" time="0.3" tests="3"><testcase classname="pay a" name="pay a" time="0.002"></testcase>
        <testcase classname="pay b" name="pay b" time="0"></testcase><testcase classname="pay c" name="pay c" time="0"><skipped/></testcase>
        </testsuite></testsuites>""",
    "go-junit-report": """<testsuites tests="3" skipped="1"><testsuite name="pkg/pay" tests="3" failures="0" errors="0" id="0" hostname="ci" skipped="1" time="0.16"
        timestamp="2026-11-28T07:00:00Z"><properties><property name="go.version" value="go1.23"></property></properties>
        <testcase name="TestA" classname="pkg/pay" time="0.060"></testcase><testcase name="TestB" classname="pkg/pay" time="0.1"></testcase>
        <testcase name="TestC" classname="pkg/pay" time="0.0"><skipped message="Skipped"><![CDATA[a_test.go:3: off]]></skipped></testcase>
        <system-out><![CDATA[ok]]></system-out></testsuite></testsuites>""",
    "bazel": """<testsuites><testsuite name="//pay:a" tests="1" failures="0" errors="0"><testcase name="pay/a" status="run" duration="3" time="3"></testcase>
        <system-out>Generated test.log (if the file is not UTF-8, then this may be unreadable):<![CDATA[ok]]></system-out></testsuite>
        <testsuite name="//pay:b" tests="1" failures="0" errors="0"><testcase name="pay/b" status="run" duration="0" time="0"></testcase></testsuite>
        </testsuites>""",
    "ctest": """<testsuite name="Linux-c++" tests="3" failures="0" disabled="1" skipped="0" hostname="" time="0" timestamp="2026-11-28T07:00:00">
        <testcase name="a" classname="a" time="0.01" status="run"><properties><property name="cmake_labels" value="x"/></properties>
        <system-out/></testcase><testcase name="b" classname="b" time="0.01" status="run"><system-out/></testcase>
        <testcase name="c" classname="c" time="0" status="disabled"><system-out>Disabled</system-out></testcase></testsuite>""",
    "ctest that leaves the disabled out": """<testsuite name="Linux-c++" tests="2" failures="0" disabled="1" skipped="0">
        <testcase name="a" status="run"/><testcase name="b" status="run"/><testcase name="c" status="disabled"/></testsuite>""",
    "nextest": """<testsuites name="nextest-run" tests="2" failures="0" errors="0" uuid="8a0c" timestamp="2026-11-28T07:00:00.000+00:00" time="0.02">
        <testsuite name="pay" tests="2" disabled="0" errors="0" failures="0"><testcase name="tests::a" classname="pay"
        timestamp="2026-11-28T07:00:00.000+00:00" time="0.004"/><testcase name="tests::b" classname="pay" time="0.004">
        <system-out>running 1 test</system-out><system-err></system-err></testcase></testsuite></testsuites>""",
    "phpunit": """<testsuites><testsuite name="phpunit.xml" tests="3" assertions="3" errors="0" failures="0" skipped="1" time="0.01">
        <testsuite name="Unit" tests="3" assertions="3" errors="0" warnings="0" failures="0" skipped="1" time="0.01">
        <testsuite name="PayTest" file="PayTest.php" tests="3" assertions="3" errors="0" failures="0" skipped="1" time="0.01">
        <testcase name="a" class="PayTest" classname="PayTest" file="PayTest.php" line="9" assertions="1" time="0.01"/>
        <testsuite name="PayTest::b" tests="2" assertions="2" errors="0" failures="0" skipped="1" time="0.0">
        <testcase name="b with data set #0" assertions="1" time="0.0"/><testcase name="b with data set #1" assertions="0" time="0.0"><skipped/></testcase>
        </testsuite></testsuite></testsuite></testsuite></testsuites>""",
    "mocha-junit-reporter": """<testsuites name="Mocha Tests" time="0.006" tests="3" failures="0" skipped="1"><testsuite name="Root Suite"
        timestamp="2026-11-28T07:00:00" tests="0" time="0.000" failures="0"></testsuite><testsuite name="pay" timestamp="2026-11-28T07:00:00" tests="3"
        file="/pay.js" time="0.004" failures="0" skipped="1"><testcase name="pay a" time="0.003" classname="a"></testcase>
        <testcase name="pay b" time="0.000" classname="b"></testcase><testcase name="pay c" time="0" classname="c"><skipped/></testcase>
        </testsuite></testsuites>""",
    "playwright": """<testsuites id="" name="" tests="2" failures="0" skipped="0" errors="0" time="1.5"><testsuite name="pay.spec.ts" hostname="chromium"
        timestamp="2026-11-28T07:00:00.000Z" tests="2" failures="0" skipped="0" time="1.2" errors="0"><testcase name="a" classname="pay.spec.ts" time="1">
        <properties><property name="issue" value="7"></property></properties><system-out><![CDATA[[[ATTACHMENT|a.png]]]]></system-out></testcase>
        <testcase name="b" classname="pay.spec.ts" time="0.2"></testcase></testsuite></testsuites>""",
    "properties and attachments of a case": """<testsuite tests="2"><testcase name="a"><property name="x" value="1">more</property><attachments>
        <attachment><filePath>a.png</filePath><description>a</description></attachment></attachments></testcase><testcase name="b"/></testsuite>""",
    "totals of the suite alone": """<testsuites><testsuite name="out" tests="1" failures="0"><testcase name="a"/>
        <testsuite name="in" tests="1" failures="0"><testcase name="b"/></testsuite></testsuite></testsuites>""",
    "empty totals": """<testsuite tests="" failures="" errors=" 0 " time="1,234.5"><testcase time="NaN"/><testcase time=""/></testsuite>""",
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


COVERED = "<coverage %s><packages><package><classes><class %s><lines>%s</lines></class></classes></package></packages></coverage>"


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
    "jacoco": b'<?xml version="1.0"?><!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd"><report name="x"/>',
    "clover": b'<coverage generated="1"><project timestamp="1"><metrics statements="4" coveredstatements="4"/></project></coverage>',
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
        "# Größe\n\n- one\n- **two**\n\n```\nprint(1)\n```\n\n[here](https://example.org) &amp; a < b\n".encode()
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
    [reason] = checks.min_length(case, {"type": "requirements_document", "length": 100})
    assert "what <title>, which is never closed, holds is hidden from readers" in reason.how
