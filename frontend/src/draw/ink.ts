/** The page's own colours and letters, for what is drawn rather than laid out. */

const root = (): CSSStyleDeclaration => getComputedStyle(document.documentElement);

/** What a token of the style sheet stands for: token("--ink"). */
export const token = (name: string): string => root().getPropertyValue(name).trim();

/** The size of a letter of 1 rem, in CSS pixels. */
export const em = (): number => parseFloat(root().fontSize);

/** A colour as #rrggbb, given in any way of CSS or as a token's name: few programs but browsers read OKLCH, and none knows our tokens. */
export function plain(colour: string): string {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d")!;
  context.fillStyle = colour.startsWith("--") ? token(colour) : colour.replace(/var\((--[\w-]+)\)/g, (_, name: string) => token(name));
  context.fillRect(0, 0, 1, 1);
  return hex([...context.getImageData(0, 0, 1, 1).data]);
}

/** Red, green and blue of 0 to 255 as #rrggbb. */
export const hex = (bytes: readonly number[]): string => `#${bytes.slice(0, 3).map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
