/** Where a run stands, put together from its events: the same figures as in the terminal. */

import { lowerBound } from "./curves";
import type { LabEvent } from "./protocol";

type Batch = Extract<LabEvent, { event: "batch_done" }>;
type Started = Extract<LabEvent, { event: "run_started" }>;
type Evaluated = Extract<LabEvent, { event: "evaluated" }>;

/** How many of the last batches the moving figures are means of. */
export const WINDOW = 50;

export class Standing {
  start: Started | null = null;
  step = 0;
  epoch = 0;
  evaluated: Evaluated | null = null;
  averaged: Evaluated | null = null;
  ended: string | null = null;
  private recent: Batch[] = [];
  /** Examples seen up to each step. */
  private readonly counted = { steps: [] as number[], examples: [] as number[] };

  take(event: LabEvent): void {
    this.step = event.step;
    switch (event.event) {
      case "run_started":
        this.start = event;
        this.ended = null;
        this.counted.steps.length = this.counted.examples.length = lowerBound(this.counted.steps, event.step + 1); // what follows is lived again
        break;
      case "batch_done":
        this.epoch = event.epoch;
        this.counted.examples.push(this.examplesSeen + event.num_examples);
        this.counted.steps.push(event.step);
        this.recent.push(event);
        if (this.recent.length > WINDOW) this.recent.shift();
        break;
      case "evaluated":
        if (event.split === "test" && event.views === "one") this.evaluated = event;
        else if (event.split === "test") this.averaged = event;
        break;
      case "run_ended":
        this.ended = event.outcome;
        break;
      default:
    }
  }

  get loss(): number | null {
    return mean(this.recent.map((batch) => batch.loss));
  }

  get penalty(): number | null {
    return mean(this.recent.map((batch) => batch.penalty));
  }

  get accuracy(): number | null {
    const known = this.recent.filter((batch) => batch.num_correct !== null);
    const of = known.reduce((sum, batch) => sum + batch.num_examples, 0);
    return of ? known.reduce((sum, batch) => sum + batch.num_correct!, 0) / of : null;
  }

  get secondsPerBatch(): number | null {
    const batches = this.recent.reduce((sum, { thinned = 1 }) => sum + thinned, 0);
    return batches ? this.recent.reduce((sum, { seconds }) => sum + seconds, 0) / batches : null;
  }

  get examplesPerSecond(): number | null {
    const seconds = this.recent.reduce((sum, batch) => sum + batch.seconds, 0);
    return seconds > 0 ? this.recent.reduce((sum, batch) => sum + batch.num_examples, 0) / seconds : null;
  }

  get examplesSeen(): number {
    return this.counted.examples.at(-1) ?? 0;
  }

  get learningRate(): number | null {
    return this.recent.at(-1)?.learning_rate ?? null;
  }

  get numSteps(): number {
    return this.start?.num_steps ?? 0;
  }

  get secondsLeft(): number | null {
    const each = this.secondsPerBatch;
    return each === null || !this.numSteps || this.step < 2 ? null : each * Math.max(0, this.numSteps - this.step);
  }
}

function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value): value is number => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}
