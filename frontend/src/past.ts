/** The smallest and largest activation of each layer in the last pictures. */

import type { Picture } from "./protocol";

const MEMORY = 90; // as many as the small curve of a layer is wide

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

export class Past {
  private readonly layers = new Map<string, Bounds[]>();

  of(layer: string): readonly Bounds[] {
    return this.layers.get(layer) ?? [];
  }

  take(picture: Picture): void {
    for (const { name, activation } of picture.layers) {
      if (!activation || activation.min === null || activation.max === null) continue;
      const bounds = [...this.of(name), { min: activation.min, max: activation.max }];
      this.layers.set(name, bounds.slice(-MEMORY));
    }
  }
}
