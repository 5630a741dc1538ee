/** The panes of a picture as SVG: each is a thing of its own, sharp at every size. */

import { hex } from "./ink";
import { cornerOf, type Layout } from "./maps";
import { escape, tag, type Drawing } from "./svg";

const FEW = 1024; // so many cells are drawn as squares, which no program blurs; of more, each pane is an image of its own resolution

/** Draw panes whose cells' colours come one after the other (bytes R, G, B, A read as one number), each under its name, in lead. */
export function draw(layout: Layout, cells: Uint32Array, name: (pane: number) => string, lead: string): Drawing {
  const { count, height, width, ratio, fullWidth, fullHeight } = layout;
  const side = layout.times / ratio;
  const size = height * width;
  const inside = cells.length <= FEW ? squares : image;
  const panes = Array.from({ length: count }, (_, pane) => {
    const { x, y } = cornerOf(layout, pane);
    return tag("g", { transform: `translate(${x / ratio} ${y / ratio})` },
      tag("title", {}, escape(name(pane))), inside(cells.subarray(pane * size, (pane + 1) * size), height, width, side));
  });
  const whole = { width: fullWidth / ratio, height: fullHeight / ratio };
  return { ...whole, body: tag("g", { "shape-rendering": "crispEdges" }, tag("rect", { ...whole, fill: lead }), ...panes) };
}

function squares(cells: Uint32Array, _: number, width: number, side: number): string {
  return Array.from(cells, (cell, i) =>
    tag("rect", { x: (i % width) * side, y: Math.floor(i / width) * side, width: side, height: side, fill: hex([cell & 255, (cell >> 8) & 255, (cell >> 16) & 255]) }),
  ).join("");
}

function image(cells: Uint32Array, height: number, width: number, side: number): string {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d")!.putImageData(new ImageData(new Uint8ClampedArray(new Uint32Array(cells).buffer), width, height), 0, 0);
  return tag("image", { width: width * side, height: height * side, preserveAspectRatio: "none", style: "image-rendering: pixelated", href: canvas.toDataURL("image/png") });
}
