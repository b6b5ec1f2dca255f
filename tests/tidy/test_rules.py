"""Each house rule refuses what it is there to refuse: a rule that cannot fail is a defect."""

import ast

import pytest

from tidy import rules, text_rules
from tidy.rules import Rule
from tidy.text_rules import TextRule

SRC = "src/firstry/scheduler/tick.py"
STORE = "src/firstry/stores/memory.py"
STATEMENTS = "src/firstry/stores/sql/statement.py"
TEST = "tests/unit/test_tick.py"
LONG = "def tick():\n" + "    pass\n" * 60

REFUSED: list[tuple[Rule, str, str]] = [
    (rules.short_functions, SRC, LONG),
    (rules.short_functions, SRC, "class Tick:\n    async " + LONG.replace("    ", "        ")),
    (rules.telling_names, "src/firstry/web/helpers.py", "import os"),
    (rules.telling_names, "src/firstry/common/tick.py", "import os"),
    (rules.telling_names, SRC, "def tick_data(): ..."),
    (rules.telling_names, SRC, "def do_tick(): ..."),
    (rules.telling_names, SRC, "def _process_tick(): ..."),
    (rules.telling_names, SRC, "class TickManager: ..."),
    (rules.empty_package_files, "src/firstry/web/__init__.py", "from firstry.web import api"),
    (rules.module_docstrings, SRC, "import os"),
    (rules.environment_in_one_place, SRC, "import os\nos.environ['HOME']"),
    (rules.environment_in_one_place, SRC, "import os as system\nsystem.getenv('HOME')"),
    (rules.environment_in_one_place, SRC, "from os import environ"),
    (rules.time_through_the_port, SRC, "from datetime import datetime\ndatetime.now(UTC)"),
    (rules.time_through_the_port, SRC, "import datetime as dt\nread = dt.datetime.utcnow"),
    (rules.time_through_the_port, SRC, "import time\ntime.time()"),
    (rules.time_through_the_port, SRC, "from time import time_ns"),
    (rules.narrow_excepts, SRC, "try: ...\nexcept Exception as error: log(error)"),
    (rules.narrow_excepts, SRC, "try: ...\nexcept (ValueError, BaseException): ..."),
    (rules.narrow_excepts, SRC, "try: ...\nexcept: ..."),
    (rules.narrow_excepts, SRC, "with contextlib.suppress(Exception): ..."),
    (
        rules.narrow_excepts,
        "src/firstry/scheduler/attempt.py",
        "try: ...\nexcept Exception: ...\ntry: ...\nexcept Exception: ...",
    ),
    (rules.quiet_modules, SRC, "print('tick')"),
    (rules.constant_sql, STORE, "db.execute(f'SELECT {column} FROM report')"),
    (rules.constant_sql, STORE, "db.execute('SELECT %s' % column)"),
    (rules.constant_sql, STORE, "db.executemany('SELECT ' + column, rows)"),
    (rules.constant_sql, STORE, "db.execute('SELECT {}'.format(column))"),
    (rules.constant_sql, STORE, "sql = f'SELECT {column}'\ndb.execute(sql)"),
    (rules.constant_sql, STATEMENTS, "def read(column): return f'SELECT {column} FROM report'"),
    (rules.tenants_from_named_constructors, SRC, "Tenant('a')"),
    (rules.tenants_from_named_constructors, TEST, "tenant.Tenant(cloud_id='a')"),
    (rules.real_parts_in_tests, TEST, "from unittest.mock import patch"),
    (rules.real_parts_in_tests, TEST, "from unittest import mock"),
    (rules.real_parts_in_tests, TEST, "import unittest.mock"),
    (rules.real_parts_in_tests, TEST, "def test_tick(mocker): ..."),
    (rules.real_parts_in_tests, TEST, "monkeypatch.setattr(store, 'claim', claim)"),
    (rules.pure_domain, "src/firstry/domain/due.py", "from pydantic import BaseModel"),
    (rules.pure_domain, "src/firstry/domain/report/json.py", "import aiohttp.client"),
]
ALLOWED: list[tuple[Rule, str, str]] = [
    (rules.short_functions, SRC, LONG.removesuffix("    pass\n")),
    (rules.telling_names, TEST, "def test_a_handler_that_raises(): ..."),
    (rules.telling_names, "src/firstry/sim/jira.py", "def do_GET(self): ..."),
    (rules.telling_names, SRC, "class Database: ...\ndef metadata(): ..."),
    (rules.empty_package_files, "src/firstry/web/__init__.py", ""),
    (rules.empty_package_files, "src/firstry/__init__.py", '"""Face."""'),
    (rules.module_docstrings, "src/firstry/web/__init__.py", ""),
    (rules.module_docstrings, SRC, '"""What a tick is."""\nimport os'),
    (rules.environment_in_one_place, "src/firstry/config.py", "import os\nos.environ['HOME']"),
    (rules.time_through_the_port, "src/firstry/stores/clock.py", "import time\ntime.time()"),
    (rules.time_through_the_port, SRC, "import time\nclock.now()\ntime.monotonic()"),
    (rules.narrow_excepts, SRC, "try: ...\nexcept (ValueError, KeyError): ..."),
    (rules.narrow_excepts, SRC, "try: ...\nexcept BaseException:\n    undo()\n    raise"),
    (rules.narrow_excepts, "src/firstry/scheduler/attempt.py", "try: ...\nexcept Exception: ..."),
    (rules.quiet_modules, "src/firstry/cli/tick.py", "print('tick')"),
    (rules.constant_sql, STORE, "db.execute(statement.CLAIM, {'now': now})"),
    (rules.constant_sql, STORE, "db.execute('SELECT a ' 'FROM b' + LIVE + ' LIMIT 1')"),
    (rules.constant_sql, STATEMENTS, "READ = _RECORD + 'FROM report'\ndef read(): return READ"),
    (rules.tenants_from_named_constructors, SRC, "Tenant.from_row('a')"),
    (rules.tenants_from_named_constructors, "src/firstry/domain/tenant.py", "Tenant('a')"),
    (rules.real_parts_in_tests, TEST, "monkeypatch.setenv('PORT', '1')\nimport unittest"),
    (rules.pure_domain, "src/firstry/domain/due.py", "import re, rfc8785, firstry.domain.policy"),
]
PIN = "one==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n    # via two\n"
TEXT_REFUSED: list[tuple[TextRule, str, str]] = [
    (text_rules.short_modules, SRC, "pass\n" * 351),
    (text_rules.nothing_left_to_do, "README.md", "one\n# TO" + "DO: two"),
    (text_rules.no_place_of_one_machine, "README.md", "cd /" + "work/main"),
    (text_rules.no_place_of_one_machine, "deploy/Dockerfile", "COPY a /" + "root/a"),
    (text_rules.no_place_of_one_machine, "package-lock.json", "https://registry." + "npmjs.org/a"),
    (text_rules.locked_by_hash, "requirements.lock", "--index-url https://example.org\n" + PIN),
    (text_rules.locked_by_hash, "requirements.lock", PIN + "two==1.0 ; python_version < '3.12'\n"),
    (text_rules.locked_by_hash, "requirements.lock", PIN.replace("==", ">=")),
    (text_rules.locked_by_hash, "requirements.lock", PIN.replace("sha256", "md5")),
    (text_rules.locked_by_hash, "requirements.lock", "one @ https://example.org/one.whl\n"),
]
TEXT_ALLOWED: list[tuple[TextRule, str, str]] = [
    (text_rules.short_modules, SRC, "pass\n" * 350),
    (text_rules.short_modules, "requirements.lock", "pass\n" * 351),
    (text_rules.nothing_left_to_do, "README.md", "a mastodon"),
    (text_rules.no_place_of_one_machine, "README.md", "see docs/work/plan and https://a.org/farm"),
    (text_rules.locked_by_hash, "requirements.lock", PIN + PIN.replace("1.0", "1 ; a < 'b'")),
]


@pytest.mark.parametrize(("rule", "path", "source"), REFUSED)
def test_a_rule_refuses(rule: Rule, path: str, source: str) -> None:
    findings = list(rule(path, ast.parse(source)))
    assert findings
    assert all(f"{path}:{found.line}: {found.advice}" == str(found) for found in findings)


@pytest.mark.parametrize(("rule", "path", "source"), ALLOWED)
def test_a_rule_allows(rule: Rule, path: str, source: str) -> None:
    assert list(rule(path, ast.parse(source))) == []


@pytest.mark.parametrize(("rule", "path", "text"), TEXT_REFUSED)
def test_a_text_rule_refuses(rule: TextRule, path: str, text: str) -> None:
    assert list(rule(path, text))


@pytest.mark.parametrize(("rule", "path", "text"), TEXT_ALLOWED)
def test_a_text_rule_allows(rule: TextRule, path: str, text: str) -> None:
    assert list(rule(path, text)) == []


def test_every_rule_has_both_samples() -> None:
    every = set(rules.RULES)
    assert every == {rule for rule, _, _ in REFUSED} == {rule for rule, _, _ in ALLOWED}
    texts = set(text_rules.TEXT_RULES)
    assert texts == {rule for rule, _, _ in TEXT_REFUSED} == {rule for rule, _, _ in TEXT_ALLOWED}
