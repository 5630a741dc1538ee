/** When what has come is put on the page: in frames of the browser, figures together with a picture, and whoever has clicked before both. */

import type { Picture } from "./protocol";

const COMPANY = 0.8; // of the time between two pictures figures wait for the next: drawn together they cost the machine that trains half as much
const ALONE = 250; // milliseconds that they wait at most
const STREAM = 1000; // milliseconds without a picture after which none is waited for
const HELD = 250; // milliseconds that a picture waits at most for the answer to a click

/** The page, as far as its rhythm goes. */
export interface Stand {
  /** Put a picture on the page; false where nobody wants it any more. */
  put(picture: Picture): boolean;
  /** Read figures and curves anew. */
  turn(): void;
  /** Somebody has clicked and waits for the answer. */
  asking(): boolean;
  /** Pictures a second, as far as they can be had. */
  rate(): number;
}

export class Rhythm {
  private waiting: Picture | null = null;
  private due = 0;
  private shownAt = -Infinity;
  private news: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly stand: Stand) {}

  /** A picture has come; of several only the newest is drawn. */
  picture(picture: Picture): void {
    this.waiting = picture;
    this.redraw();
  }

  /** Events have come: while pictures do too, they are drawn with the next one, or by themselves when it does not come. */
  events(): void {
    if (performance.now() - this.shownAt > STREAM) this.stand.turn();
    else this.news ??= setTimeout(() => this.redraw(), Math.min(ALONE, (COMPANY * 1000) / this.stand.rate()));
  }

  /** What has not been drawn is of no use any more. */
  forget(): void {
    this.waiting = null;
    clearTimeout(this.news);
    this.news = undefined;
    this.shownAt = -Infinity;
  }

  private redraw(): void {
    this.due ||= requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.due = 0;
    if (this.stand.asking() && performance.now() - this.shownAt < HELD) {
      this.redraw();
      return;
    }
    if (this.news !== undefined) {
      clearTimeout(this.news);
      this.news = undefined;
      this.stand.turn();
    }
    const picture = this.waiting;
    this.waiting = null;
    if (picture && this.stand.put(picture)) this.shownAt = performance.now();
  }
}
