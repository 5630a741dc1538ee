/** Laying out and painting many small maps on one canvas: whole multiples of a device pixel, nearest neighbour, lead between the panes. */

import { HALF, type Blob } from "../wire";
import { LEVELS } from "../scale";

/** Where the panes of a picture lie, in device pixels. */
export interface Layout {
  readonly count: number;
  /** Cells of one pane. */
  readonly height: number;
  readonly width: number;
  /** Device pixels of one cell. */
  readonly times: number;
  readonly gap: number;
  readonly columns: number;
  readonly rows: number;
  /** Panes follow one another down the columns instead of along the rows. */
  readonly down: boolean;
  readonly fullWidth: number;
  readonly fullHeight: number;
  readonly ratio: number;
}

/** A place in a picture: which pane, and the cell in it. */
export interface Cell {
  readonly pane: number;
  readonly row: number;
  readonly column: number;
}

const finish = (count: number, height: number, width: number, times: number, gap: number, columns: number, ratio: number, down = false): Layout => {
  const rows = Math.ceil(count / columns);
  return {
    count, height, width, times, gap, columns, rows, down, ratio,
    fullWidth: columns * width * times + (columns + 1) * gap,
    fullHeight: rows * height * times + (rows + 1) * gap,
  };
};

/**
 * Lay panes out in rows of about equal length, as large as the room allows.
 *
 * `available` is the width and `budget` the height there is, in CSS pixels; a pane's side stays below `most`. Where nothing fits, a cell is
 * one device pixel and the picture as high as it must be.
 */
export function layOut(count: number, height: number, width: number, available: number, budget: number, most: number, ratio = 1): Layout {
  const room = Math.floor(available * ratio);
  const gap = Math.max(1, Math.round(2 * ratio));
  const columnsOf = (times: number): number => {
    const fit = Math.max(1, Math.floor((room - gap) / (width * times + gap)));
    return Math.ceil(count / Math.ceil(count / fit)); // rows of equal length
  };
  let times = 1;
  for (let next = 2; next * Math.max(height, width) <= most * ratio && next * width + 2 * gap <= room; next++) {
    const rows = Math.ceil(count / columnsOf(next));
    if (rows * (height * next + gap) + gap <= budget * ratio) times = next;
  }
  return finish(count, height, width, times, gap, columnsOf(times), ratio);
}

/**
 * Lay out a table of panes, one for each kernel and input channel, lying rather than standing. `rows` is the first axis of the numbers.
 */
export function layOutTable(
  rows: number, columns: number, height: number, width: number, available: number, budget: number, most: number, ratio = 1,
): Layout {
  const gap = Math.max(1, Math.round(ratio));
  const down = rows > columns;
  const [across, deep] = down ? [rows, columns] : [columns, rows];
  const times = Math.max(1, Math.min(
    Math.floor((Math.floor((available * ratio - gap) / across) - gap) / width),
    Math.floor((Math.floor((budget * ratio - gap) / deep) - gap) / height),
    Math.floor((most * ratio) / Math.max(height, width)),
  ));
  return finish(rows * columns, height, width, times, gap, across, ratio, down);
}

/** The same panes with nothing between them, one below the other, a pixel for each cell. */
export const bare = ({ count, height, width }: Layout): Layout => finish(count, height, width, 1, 0, 1, 1);

/** The left upper device pixel of a pane. */
export function cornerOf(layout: Layout, pane: number): { x: number; y: number } {
  const { columns, rows, down, width, height, times, gap } = layout;
  const [across, deep] = down ? [Math.floor(pane / rows), pane % rows] : [pane % columns, Math.floor(pane / columns)];
  return { x: gap + across * (width * times + gap), y: gap + deep * (height * times + gap) };
}

/** The cell under a point given in CSS pixels, or null between the panes. */
export function cellAt(layout: Layout, x: number, y: number): Cell | null {
  const { columns, rows, down, count, width, height, times, gap, ratio } = layout;
  const dx = x * ratio - gap;
  const dy = y * ratio - gap;
  const [stepX, stepY] = [width * times + gap, height * times + gap];
  const [across, deep] = [Math.floor(dx / stepX), Math.floor(dy / stepY)];
  const [column, row] = [Math.floor((dx - across * stepX) / times), Math.floor((dy - deep * stepY) / times)];
  const pane = down ? across * rows + deep : deep * columns + across;
  if (dx < 0 || dy < 0 || across >= columns || deep >= rows || pane >= count || column >= width || row >= height) return null;
  return { pane, row, column };
}

/** A rectangle in CSS pixels around cells of a pane; parts outside the pane are cut unless `loose`. */
export function rectangle(
  layout: Layout, pane: number, area: { top: number; bottom: number; left: number; right: number }, loose = false,
): { left: number; top: number; width: number; height: number } {
  const { times, ratio, width, height } = layout;
  const { x, y } = cornerOf(layout, pane);
  const clip = (value: number, most: number): number => (loose ? value : Math.min(most, Math.max(0, value)));
  const [left, right] = [clip(area.left, width), clip(area.right + 1, width)];
  const [top, bottom] = [clip(area.top, height), clip(area.bottom + 1, height)];
  return {
    left: (x + left * times) / ratio, top: (y + top * times) / ratio,
    width: ((right - left) * times) / ratio, height: ((bottom - top) * times) / ratio,
  };
}

/** Walk from a cell by arrow, page and home keys, from pane to neighbouring pane; stays where there is nothing. Null for other keys. */
export function walk(layout: Layout, cell: Cell, key: string): Cell | null {
  const { height, width, count, columns, rows, down } = layout;
  const { pane, row, column } = cell;
  const beside = (across: number, deep: number): number | null => {
    const [x, y] = down ? [Math.floor(pane / rows) + across, (pane % rows) + deep] : [(pane % columns) + across, Math.floor(pane / columns) + deep];
    const next = down ? x * rows + y : y * columns + x;
    return x < 0 || y < 0 || x >= columns || y >= rows || next >= count ? null : next;
  };
  const go = (next: number | null, r: number, c: number): Cell => (next === null ? cell : { pane: next, row: r, column: c });
  switch (key) {
    case "ArrowRight": return column + 1 < width ? { pane, row, column: column + 1 } : go(beside(1, 0), row, 0);
    case "ArrowLeft": return column > 0 ? { pane, row, column: column - 1 } : go(beside(-1, 0), row, width - 1);
    case "ArrowDown": return row + 1 < height ? { pane, row: row + 1, column } : go(beside(0, 1), 0, column);
    case "ArrowUp": return row > 0 ? { pane, row: row - 1, column } : go(beside(0, -1), height - 1, column);
    case "PageDown": return { pane: Math.min(count - 1, pane + 1), row, column };
    case "PageUp": return { pane: Math.max(0, pane - 1), row, column };
    case "Home": return { pane, row: 0, column: 0 };
    case "End": return { pane, row: height - 1, column: width - 1 };
    default: return null;
  }
}

/** Paint numbers on the signed scale into pixels that `layout` describes. */
export function paint(pixels: Uint32Array, layout: Layout, blob: Blob, scale: number, range: number, palette: Uint32Array): void {
  const { count, height, width, times, fullWidth } = layout;
  const { data } = blob;
  const half = blob.dtype === "f2";
  const factor = (LEVELS * (half ? scale : (scale || 1))) / range;
  for (let pane = 0; pane < count; pane++) {
    const { x, y } = cornerOf(layout, pane);
    let at = pane * height * width;
    for (let row = 0; row < height; row++) {
      const start = (y + row * times) * fullWidth + x;
      let to = start;
      for (let column = 0; column < width; column++, at++) {
        const value = (half ? HALF[data[at]!]! : data[at]!) * factor;
        let index = LEVELS;
        if (value > 0) index += value >= LEVELS ? LEVELS : value < 1 ? 1 : (value + 0.5) | 0;
        else if (value < 0) index -= value <= -LEVELS ? LEVELS : value > -1 ? 1 : (0.5 - value) | 0;
        const colour = palette[index]!;
        for (let i = 0; i < times; i++) pixels[to++] = colour;
      }
      for (let i = 1; i < times; i++) pixels.copyWithin(start + i * fullWidth, start, start + width * times);
    }
  }
}

/** Paint kernels over three channels as colours: grey is zero, each channel from -range to range. */
export function paintColour(pixels: Uint32Array, layout: Layout, blob: Blob, scale: number, range: number): void {
  const { count, height, width, times, fullWidth } = layout;
  const { data } = blob;
  const half = blob.dtype === "f2";
  const size = height * width;
  const shade = (at: number): number => {
    const value = ((half ? HALF[data[at]!]! : data[at]!) * scale) / range;
    return Math.max(0, Math.min(255, Math.round(127.5 + 127.5 * value)));
  };
  for (let pane = 0; pane < count; pane++) {
    const { x, y } = cornerOf(layout, pane);
    for (let row = 0; row < height; row++) {
      const start = (y + row * times) * fullWidth + x;
      let to = start;
      for (let column = 0; column < width; column++) {
        const at = pane * 3 * size + row * width + column;
        const colour = (0xff000000 | (shade(at + 2 * size) << 16) | (shade(at + size) << 8) | shade(at)) >>> 0;
        for (let i = 0; i < times; i++) pixels[to++] = colour;
      }
      for (let i = 1; i < times; i++) pixels.copyWithin(start + i * fullWidth, start, start + width * times);
    }
  }
}

/** Paint an image of bytes (H, W, C) with one or three channels, each pixel `times` by `times`. */
export function paintImage(bytes: ArrayLike<number>, height: number, width: number, channels: number, times: number, from = 0): ImageData {
  const image = new ImageData(width * times, height * times);
  const pixels = new Uint32Array(image.data.buffer);
  for (let row = 0; row < height * times; row++) {
    for (let column = 0; column < width * times; column++) {
      const at = from + (Math.floor(row / times) * width + Math.floor(column / times)) * channels;
      const [red, green, blue] = channels >= 3 ? [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!] : [bytes[at]!, bytes[at]!, bytes[at]!];
      pixels[row * width * times + column] = (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
    }
  }
  return image;
}
