/** What the page knows: the run it looks at, the newest pictures, the curves, and what a person chose to see. One for the whole page. */

import { Arithmetic, type Question } from "./arithmetic.svelte";
import { Beat } from "./beat.svelte";
import { Curves } from "./curves";
import { augments, classifies } from "./experiment";
import { seenBy, type Area } from "./field";
import { arrange, type LabLayer } from "./layers";
import { defaults, read as readAddress, write, type Lesson } from "./link";
import { Notes, type Note } from "./notes.svelte";
import { speech } from "./numbers";
import { paper } from "./paper.svelte";
import { Past } from "./past";
import type {
  Answer, Controls, Hello, LabEvent, Layers, Picture, RunState, Seen, SeenLayer, StateTold, Unseen,
} from "./protocol";
import { rangesOf, type Range } from "./ranges";
import { usual } from "./refresh";
import { Rhythm } from "./rhythm";
import { list } from "./runs";
import type { Theme } from "./scale";
import { Line, type Connection } from "./socket";
import { beside, placeIn, questionOf, valueAt, type Spot } from "./spot";
import { Standing } from "./standing";
import type { Blob, Frame } from "./wire";
import { en, type Words } from "./words/en";
import { es } from "./words/es";
import { heard, reasonOf } from "./words/heard";
import type { Said } from "./words/said";

class Laboratory {
  lesson: Lesson = $state(defaults([], false));
  connection: Connection = $state("connecting");
  retryAt = $state(0);
  hello: Hello | null = $state.raw(null);
  phase: RunState | null = $state(null);
  note = $state("");
  /** The run has ended and can go on from its last checkpoint. */
  resumable = $state(false);
  /** How far data or network have loaded. */
  loading: { readonly done: number; readonly total: number | null; readonly unit: string } | null = $state.raw(null);
  controls: Controls = $state.raw({});
  picture: Picture | null = $state.raw(null);
  unseen: Unseen | null = $state.raw(null);
  /** Grows when events have been taken; figures are read anew. */
  tick = $state(0);
  hover: Spot | null = $state.raw(null);
  /** Where on the screen the pointed cell is, for the label beside it. */
  pointer: { readonly x: number; readonly y: number } | null = $state.raw(null);
  chosen: Spot | null = $state.raw(null);
  steps: number[] = $state.raw([]);
  /** Why the network of a run at rest is not shown has been told. */
  private refused = $state(false);
  missing = $state(false);

  /** Curves, and whatever else moves slowly, are read anew with it. */
  readonly beat = new Beat();
  curves = new Curves();
  standing = new Standing();
  readonly notes = new Notes();
  /** Behind the chosen cell. */
  readonly arithmetic = new Arithmetic((question) => this.ask("explain", question));
  past = new Past();

  private line: Line | null = null;
  private position = 0;
  private life = "";
  private plain: Lesson = defaults([], false);
  private readonly rhythm = new Rhythm({
    put: (picture) => this.put(picture),
    turn: () => this.turn(),
    asking: () => this.arithmetic.asking,
    rate: () => this.refresh,
  });

  words: Words = $derived(this.lesson.language === "es" ? es : en);
  /** The theme that is drawn in: paper is white whatever a person has chosen for the screen. */
  theme: Theme = $derived(paper.printing ? "light" : this.lesson.theme);
  /** What the experiment is called in this language. */
  title = $derived(this.hello?.experiment?.title?.[this.lesson.language] || this.hello?.experiment?.name || this.hello?.name || "");
  running = $derived(this.phase === "running" || this.phase === "learning");
  /** A script of its own trains this model: it can be looked at, and made to wait, and no more. */
  watched = $derived(this.hello?.watched ?? false);
  /** Whether training images are varied: as a person has set it, or as the experiment says where nobody can. */
  augmented = $derived(this.controls.augmentation ?? (this.hello?.experiment ? augments(this.hello.experiment) : false));
  /** Somebody may command it: the line is open and the run has not ended. */
  alive = $derived(this.connection === "open" && (this.running || this.phase === "paused"));
  layers: readonly LabLayer[] = $derived(arrange(this.hello));
  /** Updates of the maps a second where nobody has chosen, and as they are now. */
  usualRefresh = $derived((void this.tick, usual(this.standing.start, location.hostname, navigator.hardwareConcurrency)));
  refresh = $derived(this.lesson.refresh ?? this.usualRefresh);
  /** It tells classes apart, as far as is known. */
  classifies = $derived(!this.hello?.experiment || this.hello.classes.length > 0 || (!this.picture && classifies(this.hello.experiment)));
  /** A run at rest, whose network is on its way from its last checkpoint. */
  opening = $derived(this.connection === "open" && this.phase !== null && this.phase in this.words.ended && this.layers.length > 0 && !this.picture && !this.refused);
  byName: ReadonlyMap<string, SeenLayer> = $derived(new Map((this.picture?.layers ?? []).map((layer) => [layer.name, layer])));
  /** What the pointed and the chosen cell see of the layers above, by the layer's number; -1 is the image. */
  seen: ReadonlyMap<number, Area | "all"> = $derived(this.seenBy(this.hover));
  seenChosen: ReadonlyMap<number, Area | "all"> = $derived(this.seenBy(this.chosen));
  ranges: ReadonlyMap<string, Range> = $derived(this.picture ? rangesOf(this.picture, this.lesson.scale === "common") : new Map());

  /** A class as this language calls it, where the data set is a known one. */
  className(index: number | null | undefined): string {
    const name = index === null || index === undefined ? undefined : this.hello?.classes[index];
    return name === undefined ? "–" : (this.words.classes[name] ?? name);
  }

  /** The language's own way to write numbers. */
  readonly say = speech(() => this.lesson.language);

  /** Read the address, and keep it up to date from now on. */
  begin(): void {
    this.plain = defaults(navigator.languages, matchMedia("(prefers-color-scheme: dark)").matches);
    this.lesson = readAddress(location.search, this.plain);
    addEventListener("popstate", () => {
      const run = this.lesson.run;
      this.lesson = readAddress(location.search, this.plain);
      if (this.lesson.run !== run) this.open(this.lesson.run);
    });
    $effect.root(() => {
      $effect(() => {
        const address = write(this.lesson, this.plain);
        if (address !== location.search) history.replaceState(null, "", address);
      });
      $effect.pre(() => {
        // before anything is drawn: what is drawn reads its colours from the style sheet
        const { language, lecture } = this.lesson;
        document.documentElement.lang = language;
        document.documentElement.dataset["theme"] = this.theme;
        document.documentElement.classList.toggle("lecture", lecture);
      });
      $effect(() => {
        document.title = this.hello?.experiment ? `${this.hello.experiment.name} · Vitral` : "Vitral";
      });
      $effect(() => this.look());
      $effect(() => this.arithmetic.rest(this.hover && this.explainable(this.hover) ? this.question(this.hover) : null));
    });
    this.open(this.lesson.run);
  }

  /** Look at a run; the newest one when none is named. */
  async open(run: string | null): Promise<void> {
    this.line?.close();
    this.line = null;
    this.forget();
    let id = run;
    if (id === null) {
      try {
        const { runs, current } = await list();
        id = current ?? runs[0]?.id ?? null;
      } catch {
        this.connection = "lost";
        this.retryAt = Date.now() + 2000;
        setTimeout(() => this.lesson.run === null && this.open(null), 2000);
        return;
      }
      if (id === null) {
        this.lesson.view = "runs";
        this.connection = "closed";
        return;
      }
    }
    this.lesson.run = id;
    this.line = new Line(`/ws/runs/${encodeURIComponent(id)}`, {
      position: () => ({ from: this.position, life: this.life }),
      take: (frame) => this.take(frame),
      changed: (connection, retryAt) => {
        this.connection = connection;
        this.retryAt = retryAt;
      },
      missing: () => (this.missing = true),
      full: (reason) => this.complain(reason),
    });
  }

  /** Send a command. Says what went wrong and gives null where it fails. */
  async tell(kind: string, values: Record<string, unknown> = {}): Promise<Answer | null> {
    try {
      return await this.ask(kind, values);
    } catch (cause) {
      this.complain(cause);
      return null;
    }
  }

  /** Send a command; rejects with the server's own sentence. */
  ask(kind: string, values: Record<string, unknown> = {}): Promise<Answer> {
    return this.line ? this.line.ask(kind, values) : Promise.reject(new Error("offline"));
  }

  complain(cause: unknown): void {
    const { text, lang } = this.heard(reasonOf(cause));
    this.inform(text, "error", lang);
  }

  heard(reason: string): Said {
    return heard(reason, this.words, this.lesson.language);
  }

  inform(text: string, kind: Note["kind"] = "word", lang?: Said["lang"]): void {
    this.notes.add(text, kind, lang);
  }

  readonly retry = (): void => this.line?.now();

  runOrPause(): void {
    if (this.alive) void this.tell(this.running ? "pause" : "run");
  }

  async set(name: string, value: unknown): Promise<boolean> {
    const answer = await this.tell("set", { name, value });
    if (!answer) return false;
    this.controls = { ...this.controls, [name]: "value" in answer ? answer["value"] : value };
    return true;
  }

  /** Take the whole page to a kept step, or back to now. */
  goTo(step: number | null): void {
    this.lesson.step = step; // the look that follows asks for it
    if (this.chosen) void this.explain(this.chosen);
  }

  /** Look at another example; there are as many as the test set holds. */
  goToExample(example: number): void {
    const last = (this.standing.start?.num_test ?? Infinity) - 1;
    this.lesson.example = Math.max(0, Math.min(last, example));
  }

  /** Of a small test set the example in the address may not be there; the answer to it may come after it is taken back, so it is said here. */
  private keepExample(count: number, unit = "images"): void {
    const { example } = this.lesson;
    if (example < count) return;
    if (example !== this.plain.example) this.complain(`there is no example ${example}: the test split has ${count.toLocaleString("en")} ${unit}; use 0 to ${count - 1}`);
    this.goToExample(example);
  }

  async refreshHistory(): Promise<void> {
    try {
      this.steps = ((await this.ask("history"))["steps"] as number[] | undefined) ?? [];
    } catch {
      // the line is cut; the next look asks again
    }
  }

  /** Choose a cell and show its arithmetic. */
  explain(spot: Spot | null): Promise<void> {
    const alike = spot?.layer === this.chosen?.layer && spot?.what === this.chosen?.what;
    this.chosen = spot;
    return this.arithmetic.show(spot && this.explainable(spot) ? this.question(spot) : null, alike);
  }

  /** Of a script's model the way forward is told alone. */
  explainable(spot: Spot): boolean {
    return !this.watched || spot.what === "activation";
  }

  private question(spot: Spot): Question {
    const { example, step } = this.lesson;
    return { ...questionOf(this.layers, spot), example, split: "test", ...(step === null ? { step: this.picture?.step } : { at: step }) };
  }

  /** The number of a cell as the newest picture has it; NaN where the picture leaves it out. */
  valueOf(spot: Spot): number {
    const seen = this.byName.get(spot.layer)?.[spot.what];
    const blob = this.blob(seen);
    return seen && blob ? valueAt(seen, blob, placeIn(this.layers, spot)) : NaN;
  }

  /** Walk from the chosen cell to its neighbour; says whether the key was one to walk with. */
  step(key: string): boolean {
    const spot = this.chosen;
    const layer = spot && this.layers.find(({ path }) => path === spot.layer);
    if (!spot || !layer) return false;
    const shape = spot.what.startsWith("weight") ? (this.blob(this.byName.get(spot.layer)?.[spot.what])?.shape ?? []) : layer.shape;
    const place = beside(spot.place, shape, key);
    if (place && place !== spot.place) void this.explain({ ...spot, place, value: NaN });
    return place !== null;
  }

  readonly folded = (path: string): boolean => this.lesson.folds.includes(path);

  fold(path: string): void {
    this.lesson.folds = this.folded(path) ? this.lesson.folds.filter((name) => name !== path) : [...this.lesson.folds, path];
  }

  /** The blob behind a picture of a layer. */
  blob(seen: Seen | null | undefined): Blob | null {
    return seen?.blob === null || seen?.blob === undefined ? null : (this.picture?.blobs[seen.blob] ?? null);
  }

  private seenBy(spot: Spot | null): ReadonlyMap<number, Area | "all"> {
    const layer = spot && this.layers.find(({ path }) => path === spot.layer);
    if (!spot || !layer || layer.index < 0 || (spot.what !== "activation" && spot.what !== "gradient")) return new Map();
    const specs = this.hello?.experiment?.network?.layers;
    if (!specs) return new Map(); // nobody knows how the layers of a script's model are joined
    const [channel = 0, row = 0, column = 0] = spot.place;
    return seenBy(specs, layer.index, { top: row, bottom: row, left: column, right: column, channel });
  }

  /** Tell the server what this viewer wants to see. */
  private look(): void {
    const { example, shows, view, step } = this.lesson;
    const rate = this.refresh;
    if (this.connection !== "open") return;
    const train = view === "train";
    this.ask("look", { rate, example, split: "test", at: step, layers: train ? null : [], what: train ? shows : [] }).catch((cause: Error) => {
      if (cause.message === "offline") return;
      this.complain(cause);
      if (step !== null) this.lesson.step = null;
    });
  }

  private forget(): void {
    this.startOver();
    this.life = "";
    this.loading = null;
    this.resumable = false;
    this.hello = null;
    this.refused = false;
    this.phase = null;
    this.picture = null;
    this.unseen = null;
    this.chosen = this.hover = null;
    void this.arithmetic.show(null, false);
    this.steps = [];
    this.missing = false;
    this.past = new Past();
    this.rhythm.forget();
    this.tick++;
    this.beat.now();
  }

  private take(frame: Frame): void {
    const header = frame.header as unknown;
    switch (frame.header.kind) {
      case "hello": {
        const hello = header as Hello;
        if (hello.position < this.position && hello.position === 0) this.startOver();
        this.position = hello.position;
        this.life = hello.life ?? "";
        this.hello = hello;
        this.phase = hello.state;
        this.note = hello.note ?? "";
        this.resumable = hello.resume ?? false;
        this.controls = hello.controls;
        if (hello.run) this.lesson.run = hello.run; // a run that is beginning gets its name when it has loaded
        void this.refreshHistory();
        break;
      }
      case "events":
        this.events(header as { from: number; to?: number; events: LabEvent[] });
        break;
      case "state":
        this.told(header as StateTold);
        break;
      case "controls":
        this.controls = (header as { controls: Controls }).controls;
        break;
      case "layers":
        this.rhythm.picture({ ...(header as Layers), blobs: frame.blobs });
        break;
      case "unseen":
        this.unseen = { ...(header as Unseen), blobs: frame.blobs };
        break;
    }
  }

  private told(told: StateTold): void {
    const quiet = told.state === "loading" || (told.state in this.words.ended && told.state !== "finished"); // said where the state is said
    const behind = this.picture?.example !== this.lesson.example || (this.picture.at ?? null) !== this.lesson.step;
    if (told.note && !quiet && behind) this.complain(told.note); // why the picture that this page waits for does not come
    this.refused = behind && told.note !== undefined && told.note !== "";
    if (told.state !== this.phase) this.turn();
    this.phase = told.state;
    this.note = told.note ?? "";
    this.resumable = told.resume ?? false;
    this.loading = told.state === "loading" && told.done !== undefined ? { done: told.done, total: told.total ?? null, unit: told.unit ?? "" } : null;
  }

  private startOver(): void {
    this.position = 0;
    this.curves = new Curves();
    this.standing = new Standing();
  }

  private events({ from, to, events }: { from: number; to?: number; events: LabEvent[] }): void {
    if (from < this.position) this.startOver();
    this.position = to ?? from + events.length;
    for (const event of events) {
      this.curves.take(event);
      this.standing.take(event);
      if (event.event === "run_started") this.keepExample(event.num_test, event.unit);
      if (event.event === "control_changed") this.controls = { ...this.controls, [event.name]: event.after };
    }
    if (this.running) this.rhythm.events();
    else this.turn(); // nothing streams: whoever has stopped it reads where it stands
  }

  private put(picture: Picture): boolean {
    const asked = (picture.at ?? null) === this.lesson.step && picture.example === this.lesson.example;
    if (picture.at !== undefined && !asked) return false; // of the moment before: it would be shown under the wrong name
    this.past.take(picture);
    this.picture = picture;
    this.beat.touch();
    return true;
  }

  private turn(): void {
    this.tick++;
    this.beat.touch();
  }
}

export const lab = new Laboratory();
