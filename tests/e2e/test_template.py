"""What SAM and CloudFormation say of the template."""

import pytest

import sam


def test_sam_finds_nothing_wrong():
    assert "is a valid SAM Template" in sam.run("sam", "validate", "--lint", "--template-file", str(sam.TEMPLATE))


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1"])
def test_cfn_lint_finds_nothing_wrong(region):
    assert sam.run("cfn-lint", "--non-zero-exit-code", "informational", "--regions", region, "--", str(sam.TEMPLATE)) == ""
