/** A slow beat for what the eye need not see ten times a second, so that the maps have the time. */

const APART = 250; // milliseconds between two beats at least: curves move four times a second

export class Beat {
  /** Grows with every beat. */
  count = $state(0);

  private last = -Infinity;
  private later: ReturnType<typeof setTimeout> | undefined;

  /** Something has changed: beat now, in a frame that is drawn anyway, or soon where the last beat was a moment ago and nothing more may come. */
  touch(): void {
    if (performance.now() - this.last >= APART) this.now();
    else this.later ??= setTimeout(() => this.now(), APART + 100);
  }

  now(): void {
    clearTimeout(this.later);
    this.later = undefined;
    this.last = performance.now();
    this.count++;
  }
}
