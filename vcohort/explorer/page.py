"""One page in one browser: what is set, what was set before, and what is shown of it."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pandas as pd
import panel as pn

from vcohort import data
from vcohort.colours import BLUE, GREEN
from vcohort.errors import VcohortError
from vcohort.explorer.controls import Controls
from vcohort.explorer.figures import EventDays, Ribbons, Survival, Tumours
from vcohort.explorer.headline import headline, responses
from vcohort.explorer.latest import Latest
from vcohort.explorer.outlook import PERCENTILES, Fates, Outlook, Patients
from vcohort.explorer.settings import address_of, read_study, study_at, text_of
from vcohort.explorer.tabs import TABS
from vcohort.explorer.wheel import Wheel
from vcohort.results.trial import Curve, read_curve
from vcohort.studies.study import Study

ZUMA1 = "zuma1"

_MOST_UNDONE = 100

_MOST_BYTES = 10 << 20

# A browser that has gone draws nothing any more, and one that is just loading the page takes a
# while; seconds.
_LONGEST_DRAWING, _LONGEST_LOADING = 1.0, 3.0

# In milliseconds. To show a wheel takes from the time of what it waits for.
_A_MOMENT = 300


class Page:
    """The page of a study. ``trial``: a curve to lay over survival, as of :func:`read_trial`.

    The study is changed through :meth:`edit` alone, whoever asks for it: a slider, a tab, undo, the
    address.
    """

    def __init__(self, study: Study, trial: Curve | str | None = ZUMA1) -> None:
        self._document = pn.state.curdoc
        self._location: Any = pn.state.location
        self._turn, self._waiting = threading.Lock(), list[Callable[[], Any]]()
        self._is_loaded = self._document is None
        self._shown: Study | None = None
        self._failed_with: Study | None = None
        self.study, self.outlook, self.pinned = study, None, None
        self._past, self._future = [study], list[Study]()
        self._survival, self._tumours, self._when = Survival(), Tumours(), EventDays()
        self._car_t = Ribbons("CAR T cells", BLUE, "car_t", "top_right")
        self._normal = Ribbons("normal T cells", GREEN, "normal", "bottom_right")
        self._cured = pn.pane.HTML(sizing_mode="stretch_width")
        self._responses = pn.pane.HTML(sizing_mode="stretch_width")
        self._told: Any = pn.pane.Alert("", alert_type="warning", visible=False)
        self._busy = Wheel()
        self._latest = Latest(_parts, self._done, self._failed)
        self._trial: Curve | None = None
        self._overlay(trial)
        self.controls = Controls(study, self.edit)
        self.tabs = [tab(self) for tab in TABS]
        self._buttons()
        self.view = self._laid_out()
        if self._location is not None:
            self._location.param.watch(lambda event: self._follow_address(event.new), "search")
            self._follow_address(self._location.search or "")
        if not self._is_loaded:
            pn.state.onload(self._begin)
        self._next(lambda: self._latest.want(self.study))
        self._turn_wheel()

    def edit(self, edit: Callable[[Study], Study], *, slides: bool = False) -> None:
        """Change the study; what is impossible is told, and changes nothing.

        ``slides``: a slider was moved, which no other control follows.
        """
        try:
            found = edit(self.study)
        except VcohortError as error:
            self._tell(str(error), "danger")
            self.controls.follow(self.study)
            return
        if found != self.study:
            if not slides:
                self._remember()
            self._change(found, slides=slides)

    def _change(self, study: Study, *, slides: bool = False) -> None:
        # A study that is come back to may not be what is drawn meanwhile.
        self.study, self._shown, self._failed_with = study, None, None
        self._latest.want(study)
        if not slides:
            self.controls.follow(study)
        self._turn_wheel()

    def _remember(self) -> None:
        """Keep what is set for undo."""
        if self._past[-1] != self.study:
            self._past = [*self._past, self.study][-_MOST_UNDONE:]
            self._future.clear()

    def _turn_wheel(self) -> None:
        """Have the wheel turn in a moment, if all is not shown by then."""

        def turn() -> None:
            self._busy.turns = self.is_busy
            self._show_numbers()

        if self._document is None:
            turn()
        else:
            self._document.add_timeout_callback(turn, _A_MOMENT)

    def _follow_address(self, address: str) -> None:
        """Show the study of an address that was typed, gone back to, or that a server began with.

        A browser that has just come says what it has, and an address without a study gets one.
        """
        if address == address_of(self.study):
            return
        try:
            found = study_at(address)
        except VcohortError as error:
            self._tell(f"The address holds no study: {error}", "danger")
            return
        if found is not None:
            self.edit(lambda _: found)
        elif self._shown == self.study:
            self._location.search = address_of(self.study)

    @property
    def is_busy(self) -> bool:
        """Whether what is set is not all shown yet, but will be."""
        return self.study not in (self._shown, self._failed_with)

    def later(self, callback: Callable[[], Any]) -> None:
        """Call back where the page may be changed: from any thread, once the browser has it."""
        with self._turn:
            if not self._is_loaded:
                self._waiting.append(callback)
                return
        self._next(callback)

    def _next(self, callback: Callable[[], Any]) -> None:
        """Call back once what the server is at is done: sending the page, say."""
        if self._document is None:
            callback()
        else:
            self._document.add_next_tick_callback(callback)

    def _begin(self) -> None:
        """Show what was computed while the browser was loading the page."""
        with self._turn:
            self._is_loaded = True
        for callback in self._waiting:
            callback()

    def end(self) -> None:
        """Leave nothing running: the browser has gone."""
        self._latest.end()
        for tab in self.tabs:
            tab.end()

    def _laid_out(self) -> pn.viewable.Viewable:
        """Return what can be set beside what is shown of it; on a phone, above it."""
        buttons = pn.FlexBox(self._busy, *self.actions, align_items="end", margin=0)
        shown = pn.Column(buttons, self._told, self._cured, self._tabs(),
                          styles={"flex": "3 1 340px", "min-width": "0"}, margin=0)  # fmt: skip
        controls = pn.Column(self.controls.view, margin=(0, 12, 0, 0),
                             styles={"flex": "1 1 320px", "max-width": "430px"})  # fmt: skip
        return pn.FlexBox(controls, shown, align_items="start", sizing_mode="stretch_width")

    def _tabs(self) -> pn.Tabs:
        pictures = [self._survival, self._car_t, self._tumours, self._when, self._normal]
        panes = [pn.pane.Bokeh(each.figure, sizing_mode="stretch_width") for each in pictures]
        cells = [pn.Column(each, styles={"flex": "1 1 320px", "overflow": "hidden"}, margin=0)
                 for each in (*panes, self._responses)]  # fmt: skip
        trial = pn.FlexBox(*cells, sizing_mode="stretch_width")
        self._chosen = pn.Tabs(("Trial", trial), *((tab.title, tab.view) for tab in self.tabs),
                               sizing_mode="stretch_width")  # fmt: skip
        self._chosen.param.watch(lambda _: self._tell_tab(), "active")
        return self._chosen

    def _tell_tab(self) -> None:
        """Tell the tab that is seen of the study; others learn of it when they are."""
        if self._chosen.active > 0:
            self.tabs[self._chosen.active - 1].follow()

    def _done(self, study: Study, part: object) -> None:
        drawn = threading.Event()

        def draw() -> None:
            self._draw(study, part)
            drawn.set()

        self.later(draw)
        # What is computed next would take the processor from what is to be seen first.
        drawn.wait(_LONGEST_DRAWING if self._is_loaded else _LONGEST_LOADING)

    def _failed(self, study: Study, why: str) -> None:
        def tell() -> None:
            if study == self.study:
                self._busy.turns, self._failed_with = False, study
                self._tell(f"{why} The pictures are those of before.", "danger")

        self.later(tell)

    def _draw(self, study: Study, part: object) -> None:
        if isinstance(part, Outlook):
            self.outlook = part
            self._survival.show(part)
            self._car_t.show(part)
            self._normal.show(part)
            self._show_numbers()
            self._tell(" ".join(part.told), "warning")
        elif isinstance(part, Fates):
            self._tumours.show(part)
            self._when.show(part)
            self._responses.object = responses(part)
            if study == self.study:
                self._settled()

    def _settled(self) -> None:
        """Everything that is set is shown: keep it for undo and in the address."""
        self._busy.turns, self._shown = False, self.study
        self._remember()
        self._show_numbers()
        if self._location is not None:
            self._location.search = address_of(self.study)
        self._tell_tab()

    def _show_numbers(self) -> None:
        if self.outlook is not None:
            # Of a moment's waiting nobody is told.
            waits = self._busy.turns
            self._cured.object = headline(self.outlook, self.pinned, self.study if waits else None)

    def _tell(self, what: str, kind: str) -> None:
        self._told.object, self._told.alert_type, self._told.visible = what, kind, bool(what)

    def _overlay(self, trial: Curve | str | None) -> None:
        """Lay a trial over the curves; the built-in one has counts of CAR T cells, too."""
        if isinstance(trial, str):
            self._trial = read_curve(data.progression_free_survival())
            self._car_t.overlay_zuma1()
        elif trial is not None:
            self._trial = trial
            self._car_t.overlay_nothing()
        if self._trial is not None:
            self._survival.overlay(self._trial)

    def _picture(self) -> io.StringIO:
        """Return what is shown as a picture for print."""
        from vcohort.explorer.picture import svg_of

        return (
            io.StringIO()
            if self.outlook is None
            else svg_of(self.outlook, self.pinned, self._trial)
        )

    def _buttons(self) -> None:
        button = partial(pn.widgets.Button, color="light")
        save = pn.widgets.FileDownload(
            callback=lambda: io.StringIO(text_of(self.study)), filename="study.toml",
            label="save study", color="light",
        )  # fmt: skip
        numbers = pn.widgets.FileDownload(
            callback=lambda: io.StringIO(table_of(self.outlook)), filename="curves.csv",
            label="save curves", color="light",
        )  # fmt: skip
        picture = pn.widgets.FileDownload(
            callback=self._picture, filename="explore.svg", label="save picture", color="light",
        )  # fmt: skip
        load, trial = (upload(kind, tip) for kind, tip in
                       ((".toml", "open a study"), (".csv", "a trial to lay over")))  # fmt: skip
        load.param.watch(self._load, "value")
        trial.param.watch(self._upload_trial, "value")
        self.actions = [
            button(label="↶", description="undo", on_click=lambda _: self._back()),
            button(label="↷", description="redo", on_click=lambda _: self._forth()),
            button(label="pin", description="keep this as a pale curve, and tell the change",
                   on_click=lambda _: self._pin(self.ready())),
            button(label="unpin", on_click=lambda _: self._pin(None)),
            save, numbers, picture, load, trial,
        ]  # fmt: skip

    def _load(self, event: Any) -> None:
        def read(_: Study) -> Study:
            if len(event.new) > _MOST_BYTES:
                raise VcohortError("The file is too large for a study.")
            try:
                return read_study(event.new.decode("utf-8-sig"))
            except UnicodeDecodeError:
                raise VcohortError("The file is no study: it is not text in UTF-8.") from None

        if event.new:
            self.edit(read)

    def _upload_trial(self, event: Any) -> None:
        if event.new:
            try:
                self._overlay(read_curve(pd.read_csv(io.BytesIO(event.new))))
            except (VcohortError, ValueError) as error:
                self._tell(f"The trial cannot be read: {error}", "danger")

    def _back(self) -> None:
        if self.study != self._past[-1]:
            # What is not yet shown is undone first.
            self._change(self._past[-1])
        elif len(self._past) > 1:
            self._future.append(self._past.pop())
            self._change(self._past[-1])

    def _forth(self) -> None:
        if self._future:
            self._past.append(self._future.pop())
            self._change(self._past[-1])

    def ready(self) -> Outlook | None:
        """Return the outlook of what is set; tell, where that is still computed."""
        if self.outlook is not None and self.outlook.study == self.study:
            return self.outlook
        self._tell("What is set is still being computed: pin it in a moment.", "warning")
        return self.pinned

    def _pin(self, outlook: Outlook | None) -> None:
        self.pinned = outlook
        self._survival.pin(outlook)
        self._car_t.pin(outlook)
        self._normal.pin(outlook)
        self._show_numbers()


def read_trial(trial: Any) -> Curve | str | None:
    """Return what a page lays over survival: a trial's curve, or the name of the built-in one.

    :raises VcohortError: for what is no trial.
    """
    is_plain = trial is None or (isinstance(trial, str) and trial == ZUMA1)
    return trial if is_plain else read_curve(trial)


def _parts(study: Study) -> Iterator[object]:
    patients = Patients(study)
    yield patients.outlook()
    yield patients.fates()


def upload(kind: str, tip: str) -> pn.widgets.FileInput:
    """Return what takes a small file."""
    return pn.widgets.FileInput(accept=kind, label=tip, width=200)


def table_of(outlook: Outlook | None) -> str:
    """Return the curves as a CSV table, a row per number: which curve, day, value."""
    if outlook is None:
        return "curve,day,value\n"
    curves = {"progression_free_survival": (outlook.days, outlook.free)}
    for name, rows in (("car_t_per_ul", outlook.car_t), ("normal_t_per_ul", outlook.normal)):
        curves |= {f"{name}_p{percent}": (outlook.course_days, row)
                   for percent, row in zip(PERCENTILES, rows, strict=True)}  # fmt: skip
    parts = [pd.DataFrame({"curve": name, "day": days, "value": values})
             for name, (days, values) in curves.items()]  # fmt: skip
    return pd.concat(parts).to_csv(index=False)
