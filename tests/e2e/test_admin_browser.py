"""The operator's room in a real browser, served by the real server, on a desk that has traded."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api")
from playwright.sync_api import Page, expect, sync_playwright

from arbitrage.domain.controls import TradingLevel
from fast_path.control import ControlBlock
from karb_project.env import read_env

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("KARB_CHROMIUM") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STORY = """
import time
from desk_story import opened_desk, records, trip
from arbitrage import reports
from arbitrage.domain.controls import TradingLevel
from arbitrage.services import alerts, health, recording
from django.utils import timezone
now = time.time_ns()
events = opened_desk()
for n in range(6):
    at = now - (n + 1) * 10 * 10**9
    events += trip(f"a{n}", buy=150_000_000, sell=150_300_000 - n * 60_000, qty=10**6, at_ns=at)
recording.record_batch(records(events))
names = ("feed.upbit", "feed.bithumb", "trader", "recorder", "bridge")
health.keep({name: health.BeatSeen(1, now, {"books": 5, "books_fresh": 5}) for name in names})
health.keep_latency({"frame_to_wire": health.LatencySeen(12, 210_000, 400_000, 900_000)})
health.keep_counters({"trader": {"signals": 50, "denied.book_stale": 7}})
health.keep_desk(TradingLevel.ACTIVE, "", "", 1)
alerts.raise_alert("book_different", "KRW-XRP differs from REST", subject="bithumb KRW-XRP", severity="medium")
reports.daily(timezone.localdate())
"""


class Desk:
    """A served desk: its address, its first admin's password, its control block."""

    def __init__(self, home: Path) -> None:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("KARB_")}
        ours = {"KARB_VAR_DIR": str(home / "var"), "KARB_SHM_DIR": str(home / "shm")}
        self.environ = {**plain, **ours, "PYTHONPATH": str(ROOT / "tests")}
        self.env = read_env(ours)
        (home / "shm").mkdir(mode=0o700)
        self.manage("migrate", "--verbosity", "0")
        self.password = self.manage("seed").split("password ")[1].split()[0]
        self.manage("shell", "--verbosity", "0", "-c", STORY)
        self.control = ControlBlock(self.env.shm_dir, self.env.markets, self.env.latch_path)
        command = [sys.executable, "-m", "uvicorn", "karb_project.asgi:application", "--port", "0"]
        self.server = subprocess.Popen(
            [*command, "--timeout-graceful-shutdown", "2"],
            cwd=ROOT,
            env=self.environ,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        self.address = ""
        assert self.server.stderr is not None
        for line in self.server.stderr:
            if found := re.search(r"running on (http://\S+)", line):
                self.address = found[1]
                break

    def manage(self, *words: str) -> str:
        """Run one command and return what it printed."""
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(command, cwd=ROOT, env=self.environ, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def close(self) -> None:
        """Stop the server."""
        self.control.close()
        self.server.terminate()
        self.server.communicate(timeout=20)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    made = Desk(tmp_path_factory.mktemp("desk"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser():
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no browser at {CHROMIUM}; KARB_CHROMIUM names another")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


@pytest.fixture
def page(browser, desk, request):
    """A page that is logged in; any JavaScript error, failed or foreign request fails the test."""
    scheme = getattr(request, "param", "light")
    context = browser.new_context(color_scheme=scheme, viewport={"width": 1440, "height": 900})
    made = context.new_page()
    faults = []
    made.on("pageerror", lambda error: faults.append(f"error: {error}"))
    made.on("console", lambda line: faults.append(f"console: {line.text}") if line.type == "error" else None)
    made.on("response", lambda answer: faults.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    made.on(
        "request",
        lambda asked: (
            None if asked.url.startswith((desk.address, "data:", "blob:")) else faults.append(f"foreign: {asked.url}")
        ),
    )
    log_in(made, desk)
    yield made
    context.close()
    assert faults == []


both_schemes = pytest.mark.parametrize("page", ["light", "dark"], indirect=True)


def log_in(page: Page, desk: Desk) -> None:
    page.goto(f"{desk.address}/admin/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", desk.password)
    page.click("button[type=submit]")
    expect(page.locator("#karb-level-name")).to_be_visible()


@both_schemes
def test_the_dashboard_shows_the_desk_and_keeps_itself_up_to_date(page, desk):
    expect(page.locator("#karb-level-name")).to_have_text("ACTIVE")
    for words in ("P&L today", "KRW-BTC", "book_stale", "210 µs", "KRW-XRP differs from REST", "Upbit → Bithumb"):
        expect(page.locator("#karb-fragment")).to_contain_text(words)
    assert page.locator(".karb-chart rect").count() >= 1
    before = page.locator(".karb-foot").inner_text()
    expect(page.locator(".karb-foot")).not_to_have_text(before, timeout=10_000)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_stop_and_resume(page, desk):
    page.click("#karb-stop")
    page.fill(".karb-door-stop input[name=reason]", "odd prices")
    page.click("text=Stop trading now")
    expect(page.locator("#karb-level-name")).to_have_text("HALTED")
    assert desk.control.level() is TradingLevel.HALTED
    expect(page.locator("#karb-fragment")).to_contain_text("odd prices")
    expect(page.locator("#karb-resume-ACTIVE")).to_be_hidden()
    page.click("#karb-resume-REDUCING")
    page.fill("form[action$=resume]:visible input[name=reason]", "prices are fine")
    page.click("text=Finish what is open")
    expect(page.locator("#karb-level-name")).to_have_text("REDUCING")
    expect(page.locator("body")).to_contain_text("Step 1 of 2 is done: when they are even, resume once more")
    assert desk.control.level() is TradingLevel.REDUCING
    expect(page.locator("#karb-resume-REDUCING")).to_be_hidden()
    page.click("#karb-resume-ACTIVE")
    page.fill("form[action$=resume]:visible input[name=reason]", "all arbs are even")
    page.click("text=Trade again")
    expect(page.locator("#karb-level-name")).to_have_text("ACTIVE")
    assert desk.control.level() is TradingLevel.ACTIVE
    assert desk.control.latch()["reason"] == "all arbs are even"


def test_a_halt_from_outside_shows_within_seconds_and_typing_is_not_lost(page, desk):
    page.click("#karb-stop")
    page.fill(".karb-door-stop input[name=reason]", "half a sent")
    desk.control.set_level(TradingLevel.HALTED, "from the command line", "kim")
    expect(page.locator("#karb-level-name")).to_have_text("HALTED", timeout=10_000)
    assert page.input_value(".karb-door-stop input[name=reason]") == "half a sent"
    desk.control.set_level(TradingLevel.ACTIVE, "and back", "kim")
    expect(page.locator("#karb-level-name")).to_have_text("ACTIVE", timeout=10_000)


def test_a_draft_is_edited_validated_and_put_in_force(page, desk):
    page.click("text=Parameter sets")
    expect(page.locator(".karb-life")).to_contain_text("Epoch")
    before = int(re.search(r"Epoch (\d+)", page.locator(".karb-life").inner_text())[1])
    page.goto(f"{desk.address}/admin/arbitrage/paramset/add/")
    page.fill("[name=note]", "from the browser")
    page.fill("[name=max_open_arbs]", "0")
    page.click("[name=_continue]")
    expect(page.locator(".karb-findings")).to_have_text("max_open_arbs was 0, must be between 1 and 64")
    page.fill("[name=max_open_arbs]", "3")
    page.fill("[name=min_edge_ppm]", "0.07")
    page.click("[name=_continue]")
    expect(page.locator(".karb-findings")).to_have_count(0)
    page.click("#karb-validate")
    page.click("#karb-activate")
    page.fill(".karb-door input[name=reason]", "quiet market")
    page.click("text=Put in force")
    expect(page.locator(".karb-life-here")).to_have_text("active")
    expect(page.locator(".karb-values")).to_contain_text("0.07 %")
    assert page.locator("[name=min_edge_ppm]").count() == 0
    page.goto(f"{desk.address}/admin/arbitrage/paramset/")
    expect(page.locator(".karb-life")).to_contain_text(f"Epoch {before + 1}")
    expect(page.locator(".karb-life")).to_contain_text("the trader has applied epoch 1")


def test_a_wire_set_is_edited_validated_and_put_in_force(page, desk):
    page.goto(f"{desk.address}/admin/arbitrage/wireset/add/")
    page.fill("[name=note]", "obu was renamed")
    page.click("text=Upbit · book frame upbit.orderbook.simple")
    units = page.locator("[name=upbit--frames--upbit_orderbook_simple--units_key]")
    assert units.get_attribute("placeholder") == "obu"
    units.fill("cd")
    page.click("[name=_continue]")
    expect(page.locator(".karb-findings")).to_contain_text("units_key was 'cd', must differ from market_key")
    expect(units).to_be_visible()
    units.fill("levels")
    page.click("[name=_continue]")
    expect(page.locator(".karb-findings")).to_have_count(0)
    page.click("#karb-validate")
    page.click("#karb-activate")
    page.fill(".karb-door input[name=reason]", "their notice of today")
    page.click("text=Put in force")
    expect(page.locator(".karb-life-here")).to_have_text("active")
    expect(page.locator(".karb-table")).to_contain_text("upbit.frames.upbit.orderbook.simple.units_key")
    page.goto(f"{desk.address}/admin/arbitrage/wireset/")
    expect(page.locator(".karb-life")).to_contain_text("Epoch 2")
    page.click("summary:has-text('Roll back')")
    page.fill(".karb-door input[name=reason]", "it was a test")
    page.click(".karb-door button")
    expect(page.locator(".karb-life")).to_contain_text("Epoch 3")


def test_every_page_of_the_sidebar_and_a_row_of_each_opens(page, desk):
    links = page.locator("#nav-sidebar a, nav a").evaluate_all("all => all.map(each => each.href)")
    lists = sorted({link for link in links if link.startswith(f"{desk.address}/admin/") and "logout" not in link})
    assert len(lists) >= 25
    for link in lists:
        page.goto(link)
        rows = page.locator("#result_list th a")
        if rows.count():
            rows.first.click()
            expect(page.locator("#content")).to_be_visible()


def test_the_beat_form_knows_the_tasks(page, desk):
    page.goto(f"{desk.address}/admin/django_celery_beat/periodictask/add/")
    tasks = page.locator("[name=regtask] option").all_inner_texts()
    assert "workers.tasks.reports.daily" in tasks


def test_a_narrow_screen_shows_the_stop_button(browser, desk):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    log_in(page, desk)
    expect(page.locator("#karb-stop")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.goto(f"{desk.address}/admin/desk/pnl?days=7")
    assert page.locator(".karb-chart rect").count() >= 4
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    context.close()
