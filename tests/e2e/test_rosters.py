"""Rosters in Satchel with Debian's Prosody: what users see at login, and how an edit reaches those who are online."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from prosody import DOMAIN
from rosters import PROBER, REMOVED, App, Item, Rosters, Viewer
from server import wait_until
from xmpp import login

# What an admin is promised: an edit is on the screen of whoever is online.
PUSHED_WITHIN = 2
USERS = ["john", "marie", "michael", "aaron", "très", "a%c3%a9", "d\\27artagnan", "o.o-o_o~o", "refresh"]
# mod_http_roster_admin writes the username into its URL as it is. What that does to it, README.md says of each.
PUNCTUATED = ["a+b", "a|b", "a{b}", "a^b", "a[b]", "a,b", "a=b", "a*b(c)", "a!b", "a$b", "a..b", "end", "%61aron", "%2f", "%25", "☃"]
NONE_EVER = ["marie#1", "marie?", "marie?x", "marie;", "marie;x", "marie`"]
NONE_BEHIND_NGINX = ["50%", "%", "a%zz", "%00", "%2e%2e"]
# How an app may spell a user, and what the server calls them.
SPELLINGS = [("straße", "strasse"), ("ﬁ", "fi"), ("οδος", "οδοσ"), ("JOSÉ", "josé")]


@pytest.fixture(scope="module")
def rosters(tmp_path_factory, debian):
    with keeping(tmp_path_factory.mktemp("rosters"), debian) as running:
        yield running
        log = running.satchel.log.read_text()
        assert "secret-of" not in log and "marie@" not in log, "a password or a contact was logged"


@pytest.fixture(scope="module")
def fronted(tmp_path_factory, debian):
    with keeping(tmp_path_factory.mktemp("fronted"), debian, fronted=True) as running:
        yield running


def keeping(folder, debian, fronted=False) -> Rosters:
    both = Rosters(folder, debian=debian, fronted=fronted)
    for user in [*USERS, *PUNCTUATED, *NONE_EVER, *NONE_BEHIND_NGINX, *(server for _, server in SPELLINGS)]:
        both.prosody.register(user, DOMAIN)
    return both


@pytest.fixture
async def app(rosters, http):
    """The app; its users begin with empty rosters."""
    app = App(rosters, http)
    for user in USERS:
        await app.put(rosters.contacts(user), {})
    return app


@asynccontextmanager
async def viewing(rosters, user: str):
    async with login(rosters.prosody, user) as client:
        yield Viewer(client)


def jid(user: str) -> str:
    return f"{user}@{DOMAIN}"


MARIE = Item("Marie", frozenset({"Friends"}))
MARIE_AS_JSON = {"name": "Marie", "groups": ["Friends"]}


async def test_a_user_sees_contacts_with_names_and_groups(rosters, app):
    contacts = {
        jid("marie"): {"name": "Marie", "groups": ["Friends"]},
        jid("michael"): {"name": "Michael", "groups": {"Friends": True, "Work & Play": True}},
        jid("aaron"): {},
    }
    await app.put(rosters.contacts("john"), contacts)
    async with viewing(rosters, "john") as john:
        assert await john.roster() == {
            jid("marie"): MARIE,
            jid("michael"): Item("Michael", frozenset({"Friends", "Work & Play"})),
            jid("aaron"): Item(),
        }


async def test_a_user_without_a_roster_can_log_in(rosters, http):
    for user in ("alice", "bob"):
        async with viewing(rosters, user) as newcomer:
            assert await newcomer.roster() == {}


async def gets_own_roster(rosters, http, user):
    await App(rosters, http).put(rosters.contacts(user), {jid("marie"): {"name": f"of {user}"}})
    async with viewing(rosters, user) as viewer:
        assert await viewer.roster() == {jid("marie"): Item(f"of {user}")}


async def gets_no_roster(rosters, http, user):
    for victim in ("marie", "a", "é", user):
        await App(rosters, http).put(rosters.contacts(victim), {jid("john"): {}})
    async with login(rosters.prosody, user) as client:
        answer = await client.ask("", '<query xmlns="jabber:iq:roster"/>')
        assert answer.get("type") == "error"


@pytest.mark.parametrize("user", USERS + PUNCTUATED + NONE_BEHIND_NGINX)
async def test_every_username_gets_its_own_roster(rosters, http, user):
    await gets_own_roster(rosters, http, user)


@pytest.mark.parametrize("user", USERS + PUNCTUATED)
async def test_every_username_that_nginx_takes_gets_its_own_roster(fronted, http, user):
    await gets_own_roster(fronted, http, user)


@pytest.mark.parametrize("user", NONE_EVER)
async def test_nobody_gets_at_another_roster_with_a_username_that_cuts_the_url(rosters, http, user):
    await gets_no_roster(rosters, http, user)


@pytest.mark.parametrize("user", NONE_EVER + NONE_BEHIND_NGINX)
async def test_nobody_gets_at_another_roster_with_a_username_that_nginx_reads_otherwise(fronted, http, user):
    await gets_no_roster(fronted, http, user)


@pytest.mark.parametrize(("spelled", "server"), SPELLINGS)
async def test_a_user_and_a_contact_are_found_however_the_app_spells_them(rosters, app, spelled, server):
    await app.put(rosters.contacts(spelled), {jid("john"): {"name": "John"}})
    await app.put(rosters.contacts("john", jid(spelled)), {"name": spelled})
    async with viewing(rosters, server) as viewer, viewing(rosters, "john") as john:
        assert await viewer.roster() == {jid("john"): Item("John")}
        assert await john.roster() == {viewer.client.stream.boundjid.bare: Item(spelled)}


async def test_an_edit_reaches_the_online_client_by_itself(rosters, app):
    async with viewing(rosters, "john") as john:
        assert await john.roster() == {}
        await app.put(rosters.contacts("john", jid("marie")), {"name": "Marie", "groups": ["Friends"]})
        assert await john.pushed(PUSHED_WITHIN) == {jid("marie"): MARIE}
        await app.delete(rosters.contacts("john", jid("marie")))
        assert await john.pushed(PUSHED_WITHIN) == {jid("marie"): REMOVED}


async def test_a_friendship_reaches_both(rosters, app):
    async with viewing(rosters, "john") as john, viewing(rosters, "aaron") as aaron:
        assert (await john.roster(), await aaron.roster()) == ({}, {})
        await app.put(rosters.contacts("john", jid("aaron"), "mutual=true"), {"name": "Aaron"})
        assert await john.pushed() == {jid("aaron"): Item("Aaron")}
        assert await aaron.pushed() == {jid("john"): Item()}
        await app.delete(rosters.contacts("aaron", jid("john"), "mutual=true"))
        assert (await john.pushed(), await aaron.pushed()) == ({jid("aaron"): REMOVED}, {jid("john"): REMOVED})


async def test_a_shared_group_reaches_its_members(rosters, app):
    team = rosters.url("groups/The%20Team")
    async with viewing(rosters, "john") as john, viewing(rosters, "marie") as marie:
        assert (await john.roster(), await marie.roster()) == ({}, {})
        await app.put(team, {jid("john"): {"name": "John"}, jid("marie"): {"name": "Marie"}})
        group = frozenset({"The Team"})
        assert await john.pushed() == {jid("marie"): Item("Marie", group)}
        assert await marie.pushed() == {jid("john"): Item("John", group)}
        await app.put(f"{team}/{jid('michael')}", {})
        assert (await john.pushed(), await marie.pushed()) == ({jid("michael"): Item(None, group)},) * 2
        async with viewing(rosters, "michael") as michael:
            assert await michael.roster() == {jid("john"): Item("John", group), jid("marie"): Item("Marie", group)}
        await app.delete(team)
        assert await john.pushed() | await john.pushed() == {jid("marie"): REMOVED, jid("michael"): REMOVED}


async def test_a_changed_name_is_not_noticed_until_it_is_replaced(rosters, app):
    await app.put(rosters.contacts("john"), {jid("marie"): {"name": "Marie", "groups": ["Friends"]}, jid("aaron"): {}})
    async with viewing(rosters, "john") as john:
        await john.roster()
        await app.put(rosters.contacts("john", jid("marie")), {"name": "M.", "groups": ["Work"]})
        assert (await app.refresh(["john"]))[0] == 200
        assert john.pushes.empty()
        status, report = await app.refresh(["john"], "?replace=true")
        assert (status, report["status"], report["updated"], report["errors"]) == (200, "ok", 1, 0)
        assert await john.pushed() == {jid("marie"): REMOVED}
        assert await john.pushed() == {jid("marie"): Item("M.", frozenset({"Work"}))}
        # Prosody is not told of anything else: the contact that has not changed never goes.
        assert (await app.refresh(["john"], "?replace=true"))[0] == 200
        assert john.pushes.empty()


async def test_a_refresh_counts_those_who_are_not_online(rosters, app):
    names = ["john", "john", "nobody"] + [f"user{number}" for number in range(120)]
    assert await app.refresh(names) == (
        200,
        {"status": "ok", "message": "roster update complete", "updated": 122, "errors": 0},
    )
    assert await app.refresh([]) == (200, {"status": "ok", "message": "roster update complete", "updated": 0, "errors": 0})


async def test_many_edits_at_once_all_arrive(rosters, app):
    everybody = {jid(f"contact{number}") for number in range(100)}
    async with viewing(rosters, "john") as john:
        await john.roster()
        await asyncio.gather(*(app.put(rosters.contacts("john", contact), {}) for contact in everybody))
        seen = set()
        while seen != everybody:
            seen |= set(await john.pushed())
    async with viewing(rosters, "john") as john:
        assert set(await john.roster()) == everybody


async def test_a_stopped_prosody_is_said_in_its_own_shape_and_learns_of_edits_later(tmp_path, http, debian):
    rosters = Rosters(tmp_path, debian=debian)
    rosters.prosody.register("john", DOMAIN)
    with rosters:
        app = App(rosters, http)
        rosters.prosody.stop()
        await app.put(rosters.contacts("john", jid("marie")), {"name": "Marie", "groups": ["Friends"]})
        status, report = await app.refresh(["john", "marie"])
        assert (status, report["status"], report["updated"], report["errors"]) == (502, "error", 0, 2)
        rosters.prosody.start()
        async with viewing(rosters, "john") as john:
            assert await john.roster() == {jid("marie"): MARIE}


async def test_a_login_fails_while_satchel_is_down_and_works_again(tmp_path, debian):
    rosters = Rosters(tmp_path, debian=debian)
    with rosters:
        rosters.satchel.stop()
        async with login(rosters.prosody, "alice") as client:
            refused = await client.ask("", '<query xmlns="jabber:iq:roster"/>')
            assert refused.get("type") == "error"
        rosters.satchel.start()
        async with viewing(rosters, "alice") as alice:
            assert await alice.roster() == {}


SUBSCRIPTIONS = ["subscribe", "subscribed", "unsubscribe", "unsubscribed"]


async def requests_both_ways(rosters):
    """Every kind of subscription request between john, whose client is online, and bob, and then the other way round."""
    for one, other in [("john", "bob"), ("bob", "john")]:
        async with viewing(rosters, "john") as john, login(rosters.prosody, "bob") as bob:
            await john.roster()
            sender = {"john": john.client, "bob": bob}[one]
            for kind in SUBSCRIPTIONS:
                sender.stream.make_presence(pto=jid(other), ptype=kind).send()
            # Prosody is through with them when it answers what comes after.
            await sender.ask(DOMAIN, '<query xmlns="http://jabber.org/protocol/disco#info"/>')


async def test_subscription_requests_change_no_roster(rosters, app):
    friends = {jid("marie"): MARIE, jid("aaron"): Item()}
    await app.put(rosters.contacts("john"), {jid("marie"): MARIE_AS_JSON, jid("aaron"): {}})
    await requests_both_ways(rosters)
    for _ in range(2):
        async with viewing(rosters, "john") as john:
            assert await john.roster() == friends
            assert john.pushes.empty()
    await app.delete(rosters.contacts("john", jid("aaron")))
    async with viewing(rosters, "john") as john:
        assert await john.roster() == {jid("marie"): MARIE}, "what is in Satchel counts"


async def test_edits_are_seen_by_a_user_whom_another_server_asked_for_meanwhile(rosters, app):
    await app.put(rosters.contacts("john"), {jid("marie"): MARIE_AS_JSON})
    async with login(rosters.prosody, "bob") as bob:
        bob.say(PROBER, jid("john"))
        await bob.ask(DOMAIN, '<query xmlns="http://jabber.org/protocol/disco#info"/>')
        async with viewing(rosters, "john") as john:
            assert await john.roster() == {jid("marie"): MARIE}
        await app.put(rosters.contacts("john", jid("aaron")), {})
        async with viewing(rosters, "john") as john:
            assert await john.roster() == {jid("marie"): MARIE, jid("aaron"): Item()}


UNBLOCKED = {', "block_subscriptions"': ""}
KEPT = {'roster = "none"': 'roster = "memory"'}


@pytest.mark.parametrize(
    ("changes", "seen"),
    [(UNBLOCKED, "marie"), (KEPT, "marie"), (UNBLOCKED | KEPT, "bob")],
    ids=["no-block_subscriptions", "storage-memory", "neither"],
)
async def test_either_of_two_lines_keeps_rosters_from_vanishing(tmp_path, http, debian, changes, seen):
    rosters = Rosters(tmp_path, changes, debian=debian)
    rosters.prosody.register("john", DOMAIN)
    with rosters:
        app = App(rosters, http)
        await app.put(rosters.contacts("john"), {jid("marie"): {}})
        # Told later, it would bring back what the requests have pushed out.
        wait_until(rosters.has_refreshed, 60, "Prosody to be told of the edit")
        await requests_both_ways(rosters)
        async with viewing(rosters, "john") as john:
            assert set(await john.roster()) == {jid(seen)}
