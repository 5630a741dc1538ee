/** The arithmetic behind a chosen cell: asked for when somebody chooses one, and already while the pointer rests on one. */

import type { Answer, Explained } from "./protocol";

export type Question = Readonly<Record<string, unknown>>;

const REST = 20; // milliseconds on a cell before it is asked about: who passes over it asks nothing
const FRESH = 400; // an answer about a moment so long ago is still the moment that was clicked
const SHARE = 0.02; // of the network's time may go into answers that perhaps nobody wants

interface Ahead {
  readonly cell: string;
  readonly step: unknown;
  readonly asked: number;
  readonly answer: Promise<Answer>;
}

/** What a question is about, whatever step it names: a network that learns is at another one with every picture. */
const cellOf = (question: Question): string => JSON.stringify({ ...question, step: null });

export class Arithmetic {
  record: Explained | null = $state.raw(null);
  step = $state(0);
  error = $state("");
  /** On its way. */
  asking = $state(false);

  private number = 0;
  private ahead: Ahead | null = null;
  private next: Question | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private freeAt = 0;

  constructor(private readonly ask: (question: Question) => Promise<Answer>) {}

  /** Show the answer to a question, or nothing; what is shown stays until it comes where it is of the same kind. */
  async show(question: Question | null, alike: boolean): Promise<void> {
    const number = ++this.number;
    if (!question || !alike) this.record = null;
    this.error = "";
    this.asking = question !== null;
    if (!question) return;
    try {
      const answer = await (this.known(question) ?? this.ask(question));
      if (number !== this.number) return;
      this.record = (answer["record"] ?? ("operation" in answer ? answer : null)) as Explained | null;
      this.step = (answer["step"] ?? question["step"] ?? 0) as number;
    } catch (cause) {
      if (number !== this.number) return;
      this.record = null;
      this.error = (cause as Error).message;
    }
    this.asking = false;
  }

  /** Hear which cell the pointer is on; null where it is on none. */
  rest(question: Question | null): void {
    if (!question || !this.next || cellOf(question) !== cellOf(this.next)) {
      clearTimeout(this.timer);
      this.timer = undefined;
    }
    this.next = question;
    if (!question || this.timer || this.known(question)) return;
    this.timer = setTimeout(() => this.askAhead(), Math.max(REST, this.freeAt - Date.now()));
  }

  private askAhead(): void {
    this.timer = undefined;
    const question = this.next;
    if (!question) return;
    const answer = this.ask(question);
    this.ahead = { cell: cellOf(question), step: question["step"], asked: Date.now(), answer };
    answer.then(
      ({ milliseconds }) => (this.freeAt = Date.now() + Number(milliseconds ?? 0) / SHARE),
      () => (this.ahead = null), // whoever chooses the cell asks himself, and is told why
    );
  }

  private known(question: Question): Promise<Answer> | null {
    const { ahead } = this;
    if (!ahead || ahead.cell !== cellOf(question)) return null;
    return ahead.step === question["step"] || Date.now() - ahead.asked < FRESH ? ahead.answer : null;
  }
}
