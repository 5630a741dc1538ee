/** What the page knows: the run it looks at, the newest pictures, the curves, and what a person chose to see. One for the whole page. */

import { Curves } from "./curves";
import { seenBy, type Area } from "./field";
import { Magnitudes, steady } from "./draw/range";
import { count, figure, fixed, large, percent, setting } from "./numbers";
import { defaults, read as readAddress, write, type Lesson } from "./link";
import type {
  Answer, Controls, Explained, Hello, LabEvent, Layers, LayerSpec, Picture, Row, RunRow, RunState, Seen, SeenLayer, StateTold, Unseen, What,
} from "./protocol";
import { WHATS } from "./protocol";
import { Line, type Connection } from "./socket";
import { Standing } from "./standing";
import { read, type Blob, type Frame } from "./wire";
import { en, type Words } from "./words/en";
import { es } from "./words/es";
import { say, type Said } from "./words/said";

/** A cell of a picture that somebody points at or has chosen. */
export interface Spot {
  readonly layer: string;
  readonly what: What;
  /** Place in the layer's own numbers: (channel, row, column), (unit,), or for weights (kernel, channel, row, column). */
  readonly place: readonly number[];
  readonly value: number;
}

/** A picture's colour range, and the share of its numbers beyond it. */
export interface Range {
  readonly range: number;
  readonly clamped: number;
}

/** A layer with its name in the module tree and, where known, its specification. */
export interface LabLayer {
  readonly row: Row;
  readonly path: string;
  readonly shape: readonly number[];
  readonly spec: LayerSpec | null;
  /** Which of the network's own layers it is; -1 for the input and for layers inside a block. */
  readonly index: number;
}

export interface Note {
  readonly id: number;
  readonly kind: "error" | "word";
  readonly text: string;
  readonly lang: Said["lang"];
}

const OUTLIERS = 0.002; // this share of a picture may lie beyond its scale
const FEW = 400; // of fewer numbers none is an outlier
const RATE = 10; // pictures a second
const MEMORY = 90; // ranges kept for the small curve of a layer

const sizes = (text: string): number[] => (/^\d+(x\d+)*$/.test(text) ? text.split("x").map(Number) : []);

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
  /** Grows with every event taken; curves and figures are read anew. */
  tick = $state(0);
  hover: Spot | null = $state.raw(null);
  /** Where on the screen the pointed cell is, for the label beside it. */
  pointer: { readonly x: number; readonly y: number } | null = $state.raw(null);
  chosen: Spot | null = $state.raw(null);
  record: Explained | null = $state.raw(null);
  recordStep = $state(0);
  recordError = $state("");
  /** The arithmetic on its way for the chosen cell. */
  asking = $state(false);
  steps: number[] = $state.raw([]);
  notes: Note[] = $state([]);
  missing = $state(false);

  curves = new Curves();
  standing = new Standing();
  /** The smallest and largest activation of each layer in the last pictures. */
  readonly past = new Map<string, { min: number; max: number }[]>();

  private line: Line | null = null;
  private position = 0;
  private life = "";
  private plain: Lesson = defaults([], false);
  private waiting: Picture | null = null;
  private due = 0;
  private noteNumber = 0;
  private asked = 0;

  words: Words = $derived(this.lesson.language === "es" ? es : en);
  running = $derived(this.phase === "running" || this.phase === "learning");
  /** Whether training images are varied: as a person has set it, or as the experiment says where nobody can. */
  augmented = $derived.by(() => {
    const own = this.hello?.experiment?.augmentation;
    return this.controls.augmentation ?? Boolean(own && ((own.flip ?? "none") !== "none" || own.shift || own.cutout));
  });
  /** Somebody may command it: the line is open and the run has not ended. */
  alive = $derived(this.connection === "open" && (this.running || this.phase === "paused"));
  layers: readonly LabLayer[] = $derived(arrange(this.hello));
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
  readonly say = {
    figure: (value: number | null | undefined, digits = 3): string => figure(value, this.lesson.language, digits),
    fixed: (value: number, digits: number): string => fixed(value, this.lesson.language, digits),
    count: (value: number | null | undefined): string => count(value, this.lesson.language),
    large: (value: number): string => large(value, this.lesson.language),
    percent: (value: number | null | undefined, digits = 1): string => percent(value, this.lesson.language, digits),
    setting: (value: unknown): string => setting(value, this.lesson.language),
  };

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
      $effect(() => {
        const { language, theme, lecture } = this.lesson;
        document.documentElement.lang = language;
        document.documentElement.dataset["theme"] = theme;
        document.documentElement.classList.toggle("lecture", lecture);
      });
      $effect(() => {
        document.title = this.hello?.experiment ? `${this.hello.experiment.name} · Vitral` : "Vitral";
      });
      $effect(() => this.look());
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
    const offline = cause instanceof TypeError; // what fetch throws, in the browser's own language, where nobody answers
    const { text, lang } = this.heard(offline ? "offline" : cause instanceof Error ? cause.message : String(cause));
    this.inform(text, "error", lang);
  }

  /** Say in the page's language why something failed: in the server's sentence, its bare status, or "offline" of our own. */
  heard(reason: string): Said {
    if (reason === "offline") return { text: this.words.line.refused, lang: undefined };
    if (/^\d{3}$/.test(reason)) return { text: `${this.words.failed} (${reason})`, lang: undefined };
    return say(reason, this.lesson.language);
  }

  inform(text: string, kind: Note["kind"] = "word", lang?: Said["lang"]): void {
    const id = ++this.noteNumber;
    this.notes = [...this.notes.filter((note) => note.text !== text).slice(-2), { id, kind, text, lang }];
    setTimeout(() => this.dismiss(id), kind === "error" ? 9000 : 4000);
  }

  dismiss(id: number): void {
    this.notes = this.notes.filter((note) => note.id !== id);
  }

  retry(): void {
    this.line?.now();
  }

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

  async refreshHistory(): Promise<void> {
    try {
      this.steps = ((await this.ask("history"))["steps"] as number[] | undefined) ?? [];
    } catch {
      // the line is cut; the next look asks again
    }
  }

  /** Choose a cell and ask for its arithmetic. */
  async explain(spot: Spot | null): Promise<void> {
    if (spot?.layer !== this.chosen?.layer || spot?.what !== this.chosen?.what) this.record = null;
    this.chosen = spot;
    this.recordError = "";
    const asked = ++this.asked;
    this.asking = spot !== null;
    if (!spot) {
      this.record = null;
      return;
    }
    const backward = spot.what !== "activation";
    try {
      const answer = await this.ask("explain", {
        layer: spot.layer, place: this.plainPlace(spot), what: spot.what, example: this.lesson.example, split: "test", backward,
        of: spot.what.startsWith("weight") ? (this.kindOf(spot) === "dense" ? "weights" : "kernels") : "output",
        ...(this.lesson.step === null ? { step: this.picture?.step } : { at: this.lesson.step }),
      });
      if (asked !== this.asked) return;
      this.record = (answer["record"] ?? ("operation" in answer ? answer : null)) as Explained | null;
      this.asking = false;
      this.recordStep = (answer["step"] as number | undefined) ?? this.picture?.step ?? this.standing.step;
    } catch (cause) {
      if (asked !== this.asked) return;
      this.record = null;
      this.asking = false;
      this.recordError = (cause as Error).message;
    }
  }

  /** The number of a cell as the newest picture has it; NaN where the picture leaves it out. */
  valueOf(spot: Spot): number {
    const seen = this.byName.get(spot.layer)?.[spot.what];
    const blob = this.blob(seen);
    if (!seen || !blob) return NaN;
    const place = this.plainPlace(spot);
    const [sy = 1, sx = 1] = typeof seen.stride === "number" ? [seen.stride, seen.stride] : (seen.stride ?? []);
    let index = 0;
    for (let axis = 0; axis < blob.shape.length; axis++) {
      let at = place[axis] ?? 0;
      if (axis === 0 && seen.shown?.length) at = seen.shown.indexOf(at);
      else if (axis === blob.shape.length - 2 && axis > 0) at /= sy;
      else if (axis === blob.shape.length - 1) at /= sx;
      if (!Number.isInteger(at) || at < 0 || at >= blob.shape[axis]!) return NaN;
      index = index * blob.shape[axis]! + at;
    }
    return read(blob, index) * (blob.dtype === "f2" ? (seen.scale ?? 1) : 1);
  }

  private kindOf(spot: Spot): string {
    return this.layers.find(({ path }) => path === spot.layer)?.row.kind ?? "";
  }

  /** A dense layer's weights over maps are drawn as maps, (unit, channel, row, column); its own places are (unit, input). */
  private plainPlace(spot: Spot): readonly number[] {
    const layer = this.layers.find(({ path }) => path === spot.layer);
    const before = layer && this.layers.find(({ index }) => index === layer.index - 1)?.shape;
    if (layer?.row.kind !== "dense" || spot.place.length !== 4 || before?.length !== 3) return spot.place;
    const [unit = 0, channel = 0, row = 0, column = 0] = spot.place;
    return [unit, (channel * before[1]! + row) * before[2]! + column];
  }

  /** Walk from the chosen cell to its neighbour; says whether the key was one to walk with. */
  step(key: string): boolean {
    const spot = this.chosen;
    const layer = spot && this.layers.find(({ path }) => path === spot.layer);
    if (!spot || !layer) return false;
    const place = [...spot.place];
    const deep = spot.what.startsWith("weight");
    const shape = deep ? (this.blob(this.byName.get(spot.layer)?.[spot.what])?.shape ?? []) : layer.shape;
    const last = place.length - 1;
    const moves: Record<string, [number, number]> = place.length > 1
      ? { ArrowLeft: [last, -1], ArrowRight: [last, 1], ArrowUp: [last - 1, -1], ArrowDown: [last - 1, 1], PageUp: [0, -1], PageDown: [0, 1] }
      : { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[key];
    if (!move) return false;
    const [axis, by] = move;
    const next = (place[axis] ?? 0) + by;
    if (next < 0 || next >= (shape[axis] ?? Infinity)) return true;
    place[axis] = next;
    void this.explain({ ...spot, place, value: NaN });
    return true;
  }

  folded(path: string): boolean {
    return this.lesson.folds.includes(path);
  }

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
    const specs = this.hello?.experiment?.network?.layers ?? [];
    const [channel = 0, row = 0, column = 0] = spot.place;
    return seenBy(specs, layer.index, { top: row, bottom: row, left: column, right: column, channel });
  }

  /** Tell the server what this viewer wants to see. */
  private look(): void {
    const { example, shows, view, step } = this.lesson;
    if (this.connection !== "open") return;
    const train = view === "train";
    this.ask("look", { rate: RATE, example, split: "test", at: step, layers: train ? null : [], what: train ? shows : [] }).catch((cause: Error) => {
      if (cause.message === "offline") return;
      this.complain(cause);
      if (step !== null) this.lesson.step = null;
    });
  }

  private forget(): void {
    this.position = 0;
    this.life = "";
    this.loading = null;
    this.resumable = false;
    this.hello = null;
    this.phase = null;
    this.picture = null;
    this.unseen = null;
    this.chosen = this.hover = null;
    this.record = null;
    this.steps = [];
    this.missing = false;
    this.curves = new Curves();
    this.standing = new Standing();
    this.past.clear();
    this.tick++;
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
        this.waiting = { ...(header as Layers), blobs: frame.blobs };
        if (!this.due) this.due = requestAnimationFrame(() => this.show());
        break;
      case "unseen":
        this.unseen = { ...(header as Unseen), blobs: frame.blobs };
        break;
      default:
    }
  }

  private told(told: StateTold): void {
    const quiet = told.state === "loading" || (told.state in this.words.ended && told.state !== "finished"); // said where the state is said
    const behind = this.picture?.example !== this.lesson.example || (this.picture.at ?? null) !== this.lesson.step;
    if (told.note && !quiet && behind) this.complain(told.note); // why the picture that this page waits for does not come
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
      if (event.event === "control_changed") this.controls = { ...this.controls, [event.name]: event.after };
    }
    this.tick++;
  }

  /** Put the newest picture on the page, once a drawn frame at most. */
  private show(): void {
    this.due = 0;
    const picture = this.waiting;
    if (!picture) return;
    this.waiting = null;
    const asked = (picture.at ?? null) === this.lesson.step && picture.example === this.lesson.example;
    if (picture.at !== undefined && !asked) return; // of the moment before: it would be shown under the wrong name
    for (const layer of picture.layers) {
      const seen = layer.activation;
      if (!seen || seen.min === null || seen.max === null) continue;
      const ranges = this.past.get(layer.name) ?? [];
      ranges.push({ min: seen.min, max: seen.max });
      if (ranges.length > MEMORY) ranges.shift();
      this.past.set(layer.name, ranges);
    }
    this.picture = picture;
  }
}

/** Ask for the list of runs, the newest first. */
export async function list(): Promise<{ runs: RunRow[]; current: string | null }> {
  const response = await fetch("/api/runs", { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`${response.status}`);
  const { runs, current = null } = (await response.json()) as { runs: RunRow[]; current?: string | null };
  return { runs: [...runs].sort((a, b) => (b.created ?? "~").localeCompare(a.created ?? "~")), current };
}

/** Join the table's rows with the experiment's layers. */
export function arrange(hello: Hello | null): LabLayer[] {
  if (!hello) return [];
  const specs = hello.experiment?.network?.layers ?? [];
  const parents: string[] = [];
  return hello.rows.map((row) => {
    parents.length = row.depth;
    const path = [...parents, row.name].join(".");
    parents.push(row.name);
    const index = row.depth === 0 ? row.number - 1 : -1;
    return { row, path, shape: sizes(row.output), spec: index >= 0 ? (specs[index] ?? null) : null, index };
  });
}

/** The colour range of each picture, keyed "layer what". In common mode all pictures of a kind share one. */
export function rangesOf(picture: Picture, common: boolean): Map<string, Range> {
  const ranges = new Map<string, Range>();
  for (const what of WHATS) {
    const all = new Magnitudes();
    const each: [string, Magnitudes][] = [];
    for (const layer of picture.layers) {
      const seen = layer[what];
      const blob = seen?.blob === null || seen?.blob === undefined ? undefined : picture.blobs[seen.blob];
      if (!seen || !blob) continue;
      const own = new Magnitudes();
      own.add(blob, seen.scale ?? 1);
      if (common) all.add(blob, seen.scale ?? 1);
      each.push([`${layer.name} ${what}`, own]);
    }
    const shared = common ? steady(all.below(OUTLIERS)) : 0;
    for (const [key, own] of each) {
      const range = common ? shared : steady(own.total < FEW ? own.largest : own.below(OUTLIERS));
      ranges.set(key, { range, clamped: own.beyond(range) });
    }
    if (common) ranges.set(what, { range: shared, clamped: all.beyond(shared) });
  }
  return ranges;
}

export const lab = new Laboratory();
