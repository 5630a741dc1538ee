/** What the page has to say for a while: a word, or what went wrong. */

import type { Said } from "./words/said";

export interface Note {
  readonly id: number;
  readonly kind: "error" | "word";
  readonly text: string;
  readonly lang: Said["lang"];
}

const SECONDS = { error: 9, word: 4 } as const;

export class Notes {
  all: Note[] = $state([]);
  private number = 0;

  /** Say something; what stands there already is said anew, and three are enough. */
  add(text: string, kind: Note["kind"], lang: Note["lang"]): void {
    const id = ++this.number;
    this.all = [...this.all.filter((note) => note.text !== text).slice(-2), { id, kind, text, lang }];
    setTimeout(() => this.dismiss(id), 1000 * SECONDS[kind]);
  }

  dismiss(id: number): void {
    this.all = this.all.filter((note) => note.id !== id);
  }
}
