/** What the server says and what it is asked: the words of the frames that `wire` carries. */

import type { Blob } from "./wire";

export type RunState =
  | "created" | "loading" | "resting" | "learning" | "running" | "paused" | "finished" | "interrupted" | "failed" | "diverged" | "lost";

/** One line of the network's table, as `vitral describe` writes it. */
export interface Row {
  readonly number: number;
  readonly name: string;
  readonly kind: string;
  readonly settings: string;
  readonly input: string;
  readonly output: string;
  readonly parameters: string;
  readonly num_parameters: number;
  readonly multiply_adds: number;
  readonly field: string;
  readonly depth: number;
  readonly frozen: boolean;
}

/** A layer as the experiment gives it: its kind, and the settings that are not by default. */
export interface LayerSpec {
  readonly kind: string;
  readonly name?: string;
  readonly [setting: string]: unknown;
}

export interface Experiment {
  readonly name: string;
  readonly title?: { readonly es?: string; readonly en?: string };
  readonly seed?: number;
  readonly data?: { readonly source?: string };
  readonly network?: { readonly input?: { readonly kind?: string }; readonly layers?: readonly LayerSpec[]; readonly loss?: { readonly kind: string } };
  readonly augmentation?: { readonly flip?: string; readonly shift?: number; readonly cutout?: number };
  readonly training?: Record<string, unknown>;
}

export interface OptimiserChoice {
  readonly kind: string;
  readonly [setting: string]: unknown;
}

export interface Controls {
  readonly learning_rate?: number | null;
  readonly momentum?: number | null;
  readonly batch_size?: number | null;
  readonly decay?: number | null;
  readonly optimiser?: OptimiserChoice | string | null;
  readonly augmentation?: boolean | null;
}

export interface Hello {
  readonly kind: "hello";
  /** The run's id; null while it has none. */
  readonly run: string | null;
  /** Null until it has loaded. */
  readonly experiment: Experiment | null;
  readonly rows: readonly Row[];
  readonly state: RunState;
  /** The number of the first event that will come. */
  readonly position: number;
  /** Which life of the run the positions count in: a resumed run lives some of its steps again. */
  readonly life?: string;
  readonly note?: string;
  readonly resume?: boolean;
  readonly name?: string;
  readonly classes: readonly string[];
  readonly controls: Controls;
  readonly num_steps?: number;
  /** A script of its own trains the model. */
  readonly watched?: boolean;
}

/** The events of `vitral.events`, as far as the page reads them. */
export type LabEvent =
  | { readonly event: "run_started"; readonly step: number; readonly unit?: "images" | "characters" | "sequences" | "examples"; readonly num_train: number; readonly num_test: number; readonly num_steps: number;
      readonly batch_size: number; readonly num_parameters: number; readonly device: string; readonly num_threads?: number; readonly precision: string; readonly seed: number;
      readonly data: string; readonly notes: readonly string[]; readonly exact: boolean }
  | { readonly event: "batch_done"; readonly step: number; readonly epoch: number; readonly loss: number | null; readonly penalty: number | null;
      readonly num_correct: number | null; readonly num_examples: number; readonly learning_rate: number; readonly seconds: number;
      readonly thinned?: number }
  | { readonly event: "epoch_done"; readonly step: number; readonly epoch: number; readonly loss: number | null; readonly accuracy: number | null }
  | { readonly event: "evaluated"; readonly step: number; readonly epoch: number; readonly split: string; readonly views: string;
      readonly num_examples: number; readonly loss: number | null; readonly accuracy: number | null; readonly low: number | null;
      readonly high: number | null; readonly confusion: readonly (readonly number[])[] | null }
  | { readonly event: "control_changed"; readonly step: number; readonly name: string; readonly before: unknown; readonly after: unknown }
  | { readonly event: "checkpointed"; readonly step: number; readonly num_bytes: number }
  | { readonly event: "diverged"; readonly step: number; readonly layer: string; readonly what: string }
  | { readonly event: "run_ended"; readonly step: number; readonly outcome: string; readonly seconds: number };

/** One of the four pictures of a layer. */
export type What = "activation" | "gradient" | "weight" | "weight_gradient";
export const WHATS: readonly What[] = ["activation", "gradient", "weight", "weight_gradient"];

/** The figures of a picture and where its numbers lie. */
export interface Seen {
  readonly min: number | null;
  readonly max: number | null;
  readonly mean?: number | null;
  readonly std?: number | null;
  /** The share of units that were silent for every example that was looked at, and which they are. */
  readonly dead?: number | null;
  readonly silent?: readonly number[];
  /** Of a weight gradient: "batch" that moved the weights, or this "example" alone. */
  readonly of?: string;
  readonly shown?: readonly number[];
  readonly stride?: number | readonly number[];
  readonly blob?: number | null;
  readonly scale?: number;
}

export interface SeenLayer {
  readonly name: string;
  readonly kind: string;
  readonly shape: readonly number[];
  readonly activation?: Seen | null;
  readonly gradient?: Seen | null;
  readonly weight?: Seen | null;
  readonly weight_gradient?: Seen | null;
  readonly update_ratio?: number | null;
  readonly image?: number;
  readonly target?: number;
}

export interface Layers {
  readonly kind: "layers";
  readonly step: number;
  readonly example: number;
  readonly split: string;
  readonly layers: readonly SeenLayer[];
  /** The kept step that the weights are from; null for now. */
  readonly at?: number | null;
  readonly loss?: number | null;
  readonly probabilities?: readonly number[] | null;
  readonly milliseconds?: number;
  /** When this moment was met, in seconds since 1970 by the run's clock. */
  readonly time?: number;
  readonly forward?: number;
  readonly backward?: number;
}

/** A frame of pictures with its numbers. */
export interface Picture extends Layers {
  readonly blobs: readonly Blob[];
}

export interface Guess {
  readonly number: number;
  readonly target: number;
  readonly top: readonly (readonly [number, number])[];
}

export interface Unseen {
  readonly kind: "unseen";
  readonly step: number;
  readonly examples: readonly Guess[];
  readonly blob: number;
  readonly blobs: readonly Blob[];
}

export type Answer = { readonly kind: "answer"; readonly id: number; readonly ok: boolean; readonly error?: string; readonly blobs?: readonly Blob[] } & Record<string, unknown>;

/** Numbers nested as deep as they have axes. */
export type Nested = number | readonly Nested[];
export type Marks = boolean | readonly Marks[];

export interface Operand {
  readonly symbol: string;
  readonly values: Nested;
  readonly marks?: Marks;
  readonly meaning?: string;
}

export interface Step {
  readonly name: string;
  readonly formula: string;
  readonly sign: string;
  readonly operands: readonly Operand[];
  readonly value: Operand;
  readonly part?: string;
}

export interface Term {
  readonly place: readonly number[];
  readonly upstream: number;
  readonly slope: number;
  readonly local: number;
  readonly product: number;
}

/** What one reader of a number sends back to it: a sum of terms, or the gradient as it is. */
export interface Part {
  readonly through?: string;
  readonly passes?: number;
  readonly operation?: string;
  readonly gradient?: {
    readonly of: string;
    readonly place: readonly number[];
    readonly value: number;
    readonly terms: readonly Term[];
    readonly others?: { readonly count: number; readonly sum: number };
    readonly check?: { readonly value: number; readonly step: number; readonly deviation: number };
  };
}

/** The arithmetic behind a number, as docs/explain.schema.json describes it. */
export interface Explained extends Part {
  readonly shape?: readonly number[];
  /** Of a gradient: the sum over all its readers. */
  readonly value?: number;
  readonly parts?: readonly Part[];
  readonly moment?: {
    readonly place: readonly number[];
    readonly value: Nested;
    readonly steps: readonly Step[];
    readonly rows?: readonly number[];
    readonly columns?: readonly number[];
    readonly winner?: readonly number[];
    readonly ties?: number;
  };
  readonly facts?: Record<string, unknown>;
  readonly engine?: { readonly value: number; readonly deviation: number; readonly reason?: string };
}

/** A run in the list of runs. */
export interface RunRow {
  readonly id: string;
  readonly name: string;
  readonly state: RunState;
  readonly created: string;
  readonly step: number;
  readonly num_steps: number;
  /** The last one measured on the test set. */
  readonly accuracy?: number | null;
  readonly loss?: number | null;
  /** Its process was ended; it can go on from its last checkpoint. */
  readonly killed?: boolean;
  readonly note?: string;
  readonly live?: boolean;
}

/** What the page hears when the run's state changes; while it loads, how far. */
export interface StateTold {
  readonly kind: "state";
  readonly state: RunState;
  readonly note?: string;
  readonly resume?: boolean;
  readonly done?: number;
  readonly total?: number | null;
  readonly unit?: string;
}
