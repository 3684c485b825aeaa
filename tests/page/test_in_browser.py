"""Pages in a browser, opened as files: walked by keyboard and mouse, in light and in dark."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from composer.cli.running import run
from composer.container.digests import digest_tensors
from composer.views.page.html import MOST, html
from composer.views.page.model import Detail, Page, Row, Table
from composer.views.picture.model import Node, Picture
from tests.container.minimal import dense_model
from tests.page.conftest import IN_BROWSER
from tests.page.test_pages import HOSTILE, SPEC, hostile_page

pytestmark = IN_BROWSER
LONG = 5000


@pytest.fixture(scope="module")
def place(models, tmp_path_factory) -> Path:
    """Return a folder with the pages of a pair of towers, of a long chain and of a difference."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "models").symlink_to(models, target_is_directory=True)
    dense_model(folder / "long.keras", [2] * (LONG + 1))
    other = SPEC.replace("prefix: b_", "prefix: right_").replace("Average", "Maximum")
    specs = {
        "pair.yaml": SPEC,
        "long.yaml": "version: 1\nname: long\nsources: {a: {from: long.keras, prefix: a_}}\n",
        "other.yaml": other.replace(
            "[drop, probs], inputs: image}\n  b", "[probs], inputs: image}\n  b"
        ),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COMPOSE_HOME", str(folder / "store"))
        for name, text in specs.items():
            Path(name).write_text(text)
        assert run(["plan", "pair.yaml", "--html", "pair.html"]) == 0
        assert run(["plan", "long.yaml", "--html", "long.html"]) == 0
        assert run(["diff", "pair.yaml", "other.yaml", "--html", "diff.html"]) == 4
        wider = "inputs.image.shape=[20, 20, 3]"
        assert run(["plan", "pair.yaml", wider, "--html", "wider.html"]) == 0
        assert run(["lock", "pair.yaml"]) == 0
        Path("old.lock.json").write_text(Path("pair.lock.json").read_text())
        Path("pair.yaml").write_text(SPEC.replace("prefix: b_", "prefix: c_"))
        assert run(["lock", "pair.yaml"]) == 0
        assert run(["diff", "old.lock.json", "pair.lock.json", "--html", "locks.html"]) == 4
    (folder / "hostile.html").write_text(html(hostile_page()), encoding="utf-8")
    return folder


def item(page, name: str):
    """Return the element of a layer or block that is shown."""
    return page.locator("#scene .item").filter(has=page.locator(f"text.name >> text='{name}'"))


def focused(page) -> str:
    """Return what a screen reader says of the element that has the focus."""
    return page.evaluate(
        "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"
    )


def settled(page) -> None:
    page.locator("#graph:not([aria-busy])").wait_for(state="attached", timeout=60_000)


def names(page) -> set[str]:
    return set(page.locator("#scene .item text.name").all_text_contents())


def test_a_page_from_a_file_shows_the_plan(place, opened):
    page = opened(place / "pair.html")
    assert page.title() == "pair"
    assert names(page) == {
        "image", "a_conv1", "a_conv2", "a_pool", "b_conv1", "b_conv2", "b_pool", "mean",
    }  # fmt: skip
    boxes = page.locator("#scene text.name.start").all_text_contents()
    assert boxes == ["a = models/tower.keras", "b = models/tower_b.keras"]
    assert page.locator("#scene .label").first.text_content() == "16×16×3"
    assert page.locator("#summary").text_content().startswith('Two towers, "<b>" & more.')


def test_a_seam_with_another_shape_is_told_in_words_as_well(place, opened):
    page = opened(place / "wider.html")
    labels = page.locator("#scene .label").all_text_contents()
    assert labels.count("≠ 20×20×3") == 2
    page.locator("#tab-seams").click()
    row = page.locator("#grid .rows .row").first.inner_text().split("\n")
    assert row[:3] == ["image", "a:conv1", "changed"]
    assert row[3:5] == ["(None, 16, 16, 3) float32", "(None, 20, 20, 3) float32"]


def test_a_click_on_a_layer_tells_all_of_it(place, opened):
    page = opened(place / "pair.html")
    item(page, "a_conv1").click()
    said = page.locator("#details").inner_text()
    for words in ("layer of a", "a:conv1", "models/tower.keras", "(None, 14, 14, 8) float32"):
        assert words in said
    digest = digest_tensors(place / "models" / "tower.keras")["layers/conv2d/vars/0"].sha256
    assert digest in said
    page.locator("#details .link", has_text="image").click()
    assert page.locator("#details h2").text_content() == "image"
    page.get_by_label("Close details").click()
    assert page.locator("#details").inner_text() == ""


def test_it_is_all_done_with_the_keyboard(place, opened):
    page = opened(place / "pair.html")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to search"
    assert page.locator(".skips a").first.bounding_box()["height"] < 50
    page.keyboard.press("Enter")
    page.keyboard.type("b:conv1")
    page.keyboard.press("Enter")
    assert focused(page) == "b_conv1, Conv2D, of b"
    assert page.locator("#details h2").text_content() == "b_conv1"
    page.keyboard.press("ArrowDown")
    assert focused(page) == "b_conv2, Conv2D, of b"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert focused(page) == "image, InputLayer"
    page.keyboard.press("Enter")
    assert focused(page) == "image"  # the heading of its details
    page.keyboard.press("Escape")
    assert focused(page) == "image, InputLayer"
    page.keyboard.press("2")
    assert page.locator("#tab-map").get_attribute("aria-selected") == "true"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert focused(page) == "a_conv1"
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#help").is_hidden()


def test_every_control_has_a_name(place, opened):
    page = opened(place / "pair.html")
    for control in page.locator("button:visible, input:visible, [role=button], [role=tab]").all():
        name = control.get_attribute("aria-label") or control.text_content().strip()
        if control.get_attribute("type") == "checkbox":
            name = control.evaluate("found => found.labels[0].textContent")
        assert name


def test_the_picture_moves_and_zooms_and_fits_again(place, opened):
    page = opened(place / "pair.html")
    scene = page.locator("#scene")
    fitted = scene.get_attribute("transform")
    seen = {fitted}
    page.mouse.move(300, 400)
    page.mouse.down()
    page.mouse.move(350, 420, steps=3)
    page.mouse.up()
    seen.add(scene.get_attribute("transform"))
    page.mouse.wheel(0, 90)
    page.wait_for_timeout(100)
    seen.add(scene.get_attribute("transform"))
    page.keyboard.down("Control")
    page.mouse.wheel(0, -90)
    page.keyboard.up("Control")
    page.wait_for_timeout(100)
    seen.add(scene.get_attribute("transform"))
    page.locator("#zoom-in").click()
    seen.add(scene.get_attribute("transform"))
    assert len(seen) == 5
    page.locator("#fit").click()
    box = page.locator("#scene").bounding_box()
    around = page.locator("#graph").bounding_box()
    assert box["y"] >= around["y"]
    assert box["y"] + box["height"] <= around["y"] + around["height"] + 1


def test_what_is_left_out_comes_on_demand(place, opened):
    page = opened(place / "pair.html")
    assert "drop" not in names(page)
    page.get_by_label("Unused layers").check()
    settled(page)
    assert "drop" in names(page)
    assert "bypassed by a:conv1" in item(page, "drop").first.text_content()
    page.get_by_label("Unused layers").uncheck()
    settled(page)
    assert "drop" not in names(page)
    # And a search that leads there shows it.
    page.keyboard.press("/")  # while the box has the focus
    page.keyboard.type("a: nothing")
    assert page.locator("#found").is_hidden()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("a:drop")
    page.keyboard.press("Enter")
    settled(page)
    assert page.get_by_label("Unused layers").is_checked()
    assert page.locator("#details h2").text_content() == "drop"


def test_five_thousand_layers_are_folded_and_opened_step_by_step(place, opened):
    started = time.monotonic()
    page = opened(place / "long.html")
    assert time.monotonic() - started < 20
    assert page.locator("#scene .item").count() < 100
    first = item(page, "a_d1 … a_d167")
    first.focus()
    assert focused(page) == "a_d1 … a_d167, 167 × Dense, of a, folded"
    page.keyboard.press("Enter")
    settled(page)
    assert focused(page) == "a_d1 … a_d167, 167 × Dense, of a, unfolded"
    page.keyboard.press("ArrowDown")
    assert focused(page).startswith("a_d1 … a_d6, ")
    page.keyboard.press("Escape")  # closes the details
    page.keyboard.press("Escape")  # folds the block around
    settled(page)
    assert focused(page).endswith("167 × Dense, of a, folded")
    page.keyboard.press("/")
    page.keyboard.type("a_d4321")
    page.keyboard.press("Enter")
    settled(page)
    assert focused(page) == "a_d4321, Dense, of a"
    assert page.locator("#scene .item").count() < 150


def test_all_of_five_thousand_layers_can_be_drawn_while_the_page_stays_awake(place, opened):
    page = opened(place / "long.html")
    page.locator("#unfold-all").click()
    page.locator("#tab-weights").click()  # while it is laid out
    assert page.locator("#grid .rows .row").count() > 5
    page.locator("#tab-graph").click()
    settled(page)
    assert page.locator("#scene .item:not(.open)").count() == LONG + 2
    page.locator("#fold-all").click()
    settled(page)
    assert page.locator("#scene .item").count() < 100


def test_more_than_can_be_drawn_is_said_and_the_tables_are_there(place, opened):
    nodes = {
        f"n{n}": Node(id=f"n{n}", name=f"l{n}", original="l", class_name="D", kind="new")
        for n in range(MOST + 1)
    }
    everything = Page(
        title="many",
        summary="",
        picture=Picture(name="many", nodes=nodes, edges=(), boxes=(), folds=tuple(nodes)),
        details=dict.fromkeys(nodes, Detail()),
        tables=(
            Table(
                id="t", title="Layers", columns=("layer",), rows=(Row(cells=("l5",), node="n5"),)
            ),
        ),
    )
    (place / "many.html").write_text(html(everything), encoding="utf-8")
    page = opened(place / "many.html", ready="failed")
    said = page.get_by_role("alert").inner_text()
    assert "8,001 nodes are too many for one picture; expected 8,000 at most" in said
    page.locator("#tab-t").click()
    page.locator("#grid .rows .row").click()
    assert page.locator("#details h2").text_content() == "l5"


def test_where_no_wires_are_known_the_tables_are_the_page(place, opened):
    page = opened(place / "locks.html")
    # The prefix in the spec that the lock holds is one of the changes.
    assert page.get_by_role("tab").all_text_contents() == ["Changes6", "Layers now8"]
    assert page.locator("#search").is_hidden()
    page.locator("#grid .rows .row").first.click()
    details = page.locator("#details")
    assert "» renamed" in details.inner_text()
    assert details.get_by_role("button").all_text_contents() == ["×"]


def test_an_address_leads_to_a_layer_and_is_that_of_what_is_looked_at(place, opened):
    page = opened(place / "long.html", address="#layer=a_d2500")
    settled(page)
    page.locator("#details h2").wait_for()
    assert page.locator("#details h2").text_content() == "a_d2500"
    assert page.locator("#scene .selected").get_attribute("aria-label") == "a_d2500, Dense, of a"
    page.locator("#details .link", has_text="a_d2501").click()
    settled(page)
    assert page.url.endswith("#layer=a_d2501")
    page = opened(place / "pair.html", address="#layer=nobody")
    assert page.locator("#status").inner_text() == "There is no layer nobody"


def test_a_table_of_ten_thousand_rows_has_few_elements(place, opened):
    page = opened(place / "long.html")
    page.locator("#tab-weights").click()
    grid = page.locator("#grid")
    assert grid.get_attribute("aria-rowcount") == str(2 * LONG + 1)
    assert page.locator("#grid .rows .row").count() < 60
    grid.focus()
    page.keyboard.press("End")
    last = page.locator("#grid .row.at")
    assert last.text_content().startswith(f"a_d{LONG}vars/1")
    assert last.get_attribute("aria-rowindex") == str(2 * LONG + 1)
    page.keyboard.press("Enter")
    assert page.locator("#details h2").text_content() == f"a_d{LONG}"
    started = time.monotonic()
    page.locator("#filter").fill("a_d499 vars/0")
    assert page.locator("#count").text_content() == "11 of 10,000 rows"
    assert time.monotonic() - started < 5


def test_a_table_is_sorted_up_down_and_as_it_was(place, opened):
    page = opened(place / "pair.html")
    page.locator("#tab-layers").click()

    def column() -> list[str]:
        return page.locator("#grid .rows .row > :nth-child(1)").all_text_contents()

    def numbers() -> list[int]:
        texts = page.locator("#grid .rows .row > :nth-child(5)").all_text_contents()
        return [int(text.replace(",", "")) for text in texts]

    before = column()
    header = page.get_by_role("columnheader", name="layer")
    for way, wanted in (
        ("ascending", sorted(before)),
        ("descending", sorted(before, reverse=True)),
        ("none", before),
    ):
        header.get_by_role("button").click()
        assert header.get_attribute("aria-sort") == way
        assert column() == wanted
    page.get_by_role("columnheader", name="parameters").get_by_role("button").click()
    assert numbers() == sorted(numbers())
    assert len(set(numbers())) > 2


def test_light_and_dark_are_as_the_system_has_it_or_as_chosen(place, opened):
    grounds = {}
    for scheme in ("light", "dark"):
        page = opened(place / "pair.html", color_scheme=scheme)
        ground = "getComputedStyle(document.body).backgroundColor"
        node = "getComputedStyle(document.querySelector('.item .ground')).fill"
        grounds[scheme] = page.evaluate(f"[{ground}, {node}]")
        for choice in ("light", "dark"):
            page.locator("#theme").click()
            assert page.locator("#theme").inner_text() == f"Colours: {choice}"
            shown = page.evaluate(f"[{ground}, {node}]")
            assert shown == grounds.setdefault(choice, shown)
    assert grounds["light"][0] == "rgb(255, 255, 255)"
    assert grounds["dark"][0] == "rgb(13, 17, 23)"
    assert grounds["light"][1] != grounds["dark"][1]


def test_a_name_that_looks_like_markup_is_text(place, opened):
    page = opened(place / "hostile.html")
    wanted = HOSTILE.removesuffix("\ud800")
    assert wanted in page.locator("h1").text_content()
    assert page.title() != "out"
    for made in page.locator("#scene .item").all():
        made.click()
    page.locator("#search").fill("img")
    assert page.locator("#found li").count() == 2
    page.locator("#tab-t").click()
    assert wanted in page.locator("#grid .rows").text_content()
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 3


def test_what_gets_in_nevertheless_may_not_run(place, browser):
    page = browser.new_context().new_page()
    page.goto((place / "pair.html").as_uri())
    refused = page.evaluate(
        """() => new Promise((resolve) => {
            document.addEventListener("securitypolicyviolation", (event) =>
                resolve(event.effectiveDirective));
            const made = document.createElement("div");
            made.innerHTML = "<img src='x' onerror='document.title = 1'>";
            document.body.append(made);
            setTimeout(() => resolve(null), 5000);
        })"""
    )
    assert refused in ("img-src", "script-src-attr")
    assert page.title() == "pair"
    page.context.close()


def test_a_difference_is_walked_change_by_change(place, opened):
    page = opened(place / "diff.html")
    legend = page.locator("#legend .chip").all_text_contents()
    assert legend == ["+ added", "~ changed", "⇄ rewired", "» renamed"]
    assert "+ added" in item(page, "a_drop").text_content()
    assert "~ changed" in item(page, "mean").first.text_content()
    visited = []
    for _ in range(6):
        page.keyboard.press("n")
        settled(page)
        visited.append(focused(page))
    assert [said.split(",")[0] for said in visited[:3]] == ["a_drop", "a_conv2", "mean"]
    assert all(said.split(",")[0].startswith("right_") for said in visited[3:])
    assert page.locator("#status").inner_text() == "Change 6 of 6"
    page.keyboard.press("p")
    page.locator("#tab-changes").click()
    page.locator("#filter").fill("maximum")
    assert page.locator("#grid .rows .row").inner_text().split("\n") == [
        "~ changed", "mean", "class", "Average", "Maximum",
    ]  # fmt: skip
    labels = page.locator("#scene .label").all_text_contents()
    assert {"+", "−"} <= set(labels)


def test_what_is_selected_stays_in_sight_when_the_details_open(place, opened):
    page = opened(place / "pair.html", viewport={"width": 900, "height": 400})
    for _ in range(8):
        page.locator("#zoom-in").click()
    item(page, "b_conv2").focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(200)
    box = item(page, "b_conv2").bounding_box()
    around = page.locator("#graph").bounding_box()
    assert around["width"] < 600
    assert around["x"] <= box["x"] + box["width"] / 2 <= around["x"] + around["width"]
    assert around["y"] <= box["y"] + box["height"] / 2 <= around["y"] + around["height"]


def test_a_small_screen_shows_the_details_over_the_picture(place, opened):
    page = opened(place / "pair.html", viewport={"width": 420, "height": 800})
    item(page, "image").click()
    panel = page.locator("#details").bounding_box()
    assert panel["width"] == 420
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
