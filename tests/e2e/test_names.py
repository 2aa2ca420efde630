"""Prosody prepares names as the table of tests/names says, which Satchel's own tests compare Satchel with."""

import names


def test_prosody_prepares_every_name_as_the_table_says(debian):
    assert names.TABLE.read_text() == names.table(names.texts(), debian)
