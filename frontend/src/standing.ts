/** Where a run stands, put together from its events: the same figures as in the terminal. */

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
  private examples = 0;

  take(event: LabEvent): void {
    this.step = event.step;
    switch (event.event) {
      case "run_started":
        this.start = event;
        this.ended = null;
        break;
      case "batch_done":
        this.epoch = event.epoch;
        this.examples += event.num_examples * (event.thinned ?? 1);
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
    return mean(this.recent.map((batch) => batch.seconds));
  }

  get imagesPerSecond(): number | null {
    const seconds = this.recent.reduce((sum, batch) => sum + batch.seconds, 0);
    return seconds > 0 ? this.recent.reduce((sum, batch) => sum + batch.num_examples, 0) / seconds : null;
  }

  get examplesSeen(): number {
    return this.examples;
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
