"""A JUnit report opens a gate only where all of it is understood."""

import pytest

from tickets import evidence

PASSES = [
    '<testsuites tests="1" failures="0"><testsuite tests="1" errors="0" skipped="0"><testcase name="a" time="0.1"/></testsuite></testsuites>',
    '<testsuite tests="2" skipped="1"><testcase name="a"/><testcase name="b"><skipped/></testcase></testsuite>',
    '<testsuites tests="2" disabled="1"><testsuite tests="2" disabled="1"><testcase name="a" status="run" result="completed"/>'
    '<testcase name="b" status="notrun" result="suppressed"/></testsuite></testsuites>',
]
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
]
FAILED = ['<testcase status="failed"/>', '<testcase result="FAIL"/>', "<testcase><flakyFailure/></testcase>", "<failure/>"]


@pytest.mark.parametrize("report", PASSES)
def test_a_well_formed_report_passes(report):
    found = evidence.tests(report.encode())

    assert found.failed == 0
    assert found.total - found.skipped == 1


@pytest.mark.parametrize("report", UNREADABLE)
def test_what_is_not_understood_is_no_pass(report):
    with pytest.raises(evidence.Unreadable):
        evidence.tests(report.encode())


@pytest.mark.parametrize("part", FAILED)
def test_a_failure_in_another_spelling_is_a_failure(part):
    assert evidence.tests(f"<testsuite>{part}</testsuite>".encode()).failed == 1
