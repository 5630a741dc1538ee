/**
 * One signed scale, centred on zero, equal in steps of lightness, readable by the colour-blind: deep blue, neutral, warm orange.
 * The neutral is paper in light and ink in dark. The tones are those of `vitral.explain.colour`, made in OKLCH.
 */

export type Theme = "light" | "dark";

/** Lightness (0 to 1), chroma and hue (degrees) in OKLCH. */
export interface Tone {
  readonly lightness: number;
  readonly chroma: number;
  readonly hue: number;
}

const tone = (lightness: number, chroma: number, hue: number): Tone => ({ lightness, chroma, hue });
export const ZERO = { light: tone(0.97, 0.004, 90), dark: tone(0.25, 0.008, 270) } as const;
export const NEGATIVE = { light: tone(0.42, 0.16, 262), dark: tone(0.72, 0.14, 255) } as const;
export const POSITIVE = { light: tone(0.62, 0.17, 48), dark: tone(0.8, 0.15, 62) } as const;

/** So many steps on each side of zero. */
export const LEVELS = 255;

/** Give the colour of a share of the scale, -1 to 1, as [red, green, blue] of 0 to 255. */
export function colour(share: number, theme: Theme): [number, number, number] {
  const zero = ZERO[theme];
  const end = (share < 0 ? NEGATIVE : POSITIVE)[theme];
  const part = Math.min(1, Math.abs(share));
  return rgb(tone(
    zero.lightness + part * (end.lightness - zero.lightness),
    zero.chroma + part * (end.chroma - zero.chroma),
    part ? end.hue : zero.hue,
  ));
}

/** From OKLCH to sRGB. Source: B. Ottosson, bottosson.github.io/posts/oklab. */
export function rgb({ lightness, chroma, hue }: Tone): [number, number, number] {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    byte(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
    byte(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
    byte(-0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short),
  ];
}

function byte(linear: number): number {
  const value = Math.min(1, Math.max(0, linear));
  return Math.round(255 * (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055));
}

export const css = (share: number, theme: Theme): string => `rgb(${colour(share, theme).join(" ")})`;

/** The scale as 511 pixels (bytes R, G, B, A read as one number), the middle one zero. */
export function palette(theme: Theme): Uint32Array {
  const bytes = new Uint8ClampedArray(4 * (2 * LEVELS + 1));
  for (let i = 0; i <= 2 * LEVELS; i++) bytes.set([...colour((i - LEVELS) / LEVELS, theme), 255], 4 * i);
  return new Uint32Array(bytes.buffer);
}

export const PALETTES: Readonly<Record<Theme, Uint32Array>> = { light: palette("light"), dark: palette("dark") };

/** Place a number in the palette: zero is the middle, and anything else is at least one step away from it. */
export function level(value: number, largest: number): number {
  if (value === 0 || !(largest > 0) || Number.isNaN(value)) return LEVELS;
  const steps = Math.max(1, Math.round(Math.min(1, Math.abs(value) / largest) * LEVELS));
  return LEVELS + (value > 0 ? steps : -steps);
}

/** Round a range up to 1, 2 or 5 times a power of ten, so that a legend is readable and does not tremble. */
export function niceRange(largest: number): number {
  if (!(largest > 0) || !Number.isFinite(largest)) return 1;
  const power = 10 ** Math.floor(Math.log10(largest));
  const lead = largest / power;
  return (lead <= 1.001 ? 1 : lead <= 2.001 ? 2 : lead <= 5.001 ? 5 : 10) * power;
}

/** Ten colours that stay apart for the colour-blind, for classes and runs; the same everywhere. */
export const CATEGORIES = ["#3768bd", "#d9772b", "#2a9d8f", "#a8407f", "#8a9a1c", "#6b5bd2", "#c0392b", "#4a90a4", "#b08d2e", "#5f6b7a"] as const;
