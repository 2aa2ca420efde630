"""What SAM and CloudFormation say of the template, and what README.md and cargo-lambda's settings say after it."""

import re
import tomllib

import pytest

import sam
import template
from server import REPOSITORY

FUNCTIONS = template.functions()


def test_sam_finds_nothing_wrong():
    assert "is a valid SAM Template" in sam.run("sam", "validate", "--lint", "--template-file", str(sam.TEMPLATE))


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1"])
def test_cfn_lint_finds_nothing_wrong(region):
    assert sam.run("cfn-lint", "--non-zero-exit-code", "informational", "--regions", region, "--", str(sam.TEMPLATE)) == ""


def test_the_readme_lists_the_very_permissions():
    section = (REPOSITORY / "README.md").read_text().split("\n### Permissions\n")[1].split("\n### ")[0]
    listed = set()
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and ":" in cells[1] and "-" not in cells[0].replace("roster-", ""):
            actions = re.findall("`(.*?)`", cells[1])
            resources = re.findall("`(.*?)`", cells[2]) or [cells[2]]
            names = cells[0].split(", ")
            listed |= {(name, action, to) for name in names for action in actions for to in resources}
    assert listed == {(name, *grant) for name, properties in FUNCTIONS.items() for grant in template.grants(properties)}


def test_cargo_lambda_has_the_routes_of_the_api():
    router = tomllib.loads((REPOSITORY / "CargoLambda.toml").read_text())["watch"]["router"]
    written = {(one["method"], path, one["function"]) for path, several in router.items() for one in several}
    declared = {(method, path, name) for name, properties in FUNCTIONS.items() for method, path in template.routes(properties)}
    # axum's way to write the rest of a path; it has no ANY.
    in_axum = {(method, re.sub(r"{(\w+)\+}", r"{*\1}", path), name) for method, path, name in declared}
    assert written == {route for route in in_axum if route[0] != "ANY"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_cargo_lambda_deploys_with_the_templates_limits(name):
    manifest = tomllib.loads((REPOSITORY / "functions" / name / "Cargo.toml").read_text())
    limits = manifest["package"]["metadata"]["lambda"]["deploy"]
    assert limits == {"memory": FUNCTIONS[name]["MemorySize"], "timeout": FUNCTIONS[name]["Timeout"]}


def test_samconfig_is_read():
    shown = sam.run("sam", "validate", "--config-file", "infra/samconfig.toml", "--debug")
    assert "infra/samconfig.toml" in shown and "is a valid SAM Template" in shown
