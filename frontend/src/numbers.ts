/** Numbers as a reader of each language writes them: three significant digits, true minus signs, powers of ten where they are short. */

export type Language = "en" | "es";

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const raise = (power: number): string =>
  (power < 0 ? "⁻" : "") + [...String(Math.abs(power))].map((digit) => RAISED[Number(digit)]).join("");
const formats = new Map<string, Intl.NumberFormat>();

function format(language: Language, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = language + JSON.stringify(options);
  let found = formats.get(key);
  if (!found) formats.set(key, (found = new Intl.NumberFormat(language, options)));
  return found;
}

const signed = (text: string): string => text.replace("-", "−");

/** Three significant digits: 0.832, −1.90, 1.2·10⁻⁵; "–" where there is no number. */
export function figure(value: number | null | undefined, language: Language, digits = 3): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 0.001 || size >= 1e6) {
    let power = Math.floor(Math.log10(size));
    let lead = Number((value / 10 ** power).toPrecision(digits));
    if (Math.abs(lead) >= 10) { lead /= 10; power += 1; }
    return `${signed(format(language, { maximumSignificantDigits: digits }).format(lead))}·10${raise(power)}`;
  }
  return signed(format(language, { minimumSignificantDigits: digits, maximumSignificantDigits: digits, useGrouping: size >= 10000 }).format(value));
}

/** So many digits behind the point, as in a column of numbers. */
export const fixed = (value: number, language: Language, digits: number): string =>
  signed(format(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value));

/** A setting as a person would type it: no zeros at its end. */
export function setting(value: unknown, language: Language): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "object" && "kind" in value) return String(value.kind);
  if (typeof value !== "number") return String(value);
  const size = Math.abs(value);
  if (size !== 0 && size < 0.0001) return figure(value, language, 3);
  return signed(format(language, { maximumSignificantDigits: 5, useGrouping: size >= 10000 }).format(value));
}

/** A whole number with the language's own separators: 412,032 or 412.032. */
export const count = (value: number | null | undefined, language: Language): string =>
  value === null || value === undefined ? "–" : signed(format(language, { maximumFractionDigits: 0 }).format(value));

/** A large number in three digits and a unit: 1.23 M. */
export function large(value: number, language: Language): string {
  for (const [size, unit] of [[1e9, " G"], [1e6, " M"], [1e4, " k"]] as const) {
    if (value >= size) return format(language, { maximumSignificantDigits: 3 }).format(value / (unit === " k" ? 1e3 : size)) + unit;
  }
  return count(value, language);
}

/** A share as percent with a digit behind the point: 66.4 %. */
export const percent = (share: number | null | undefined, language: Language, digits = 1): string =>
  share === null || share === undefined || Number.isNaN(share)
    ? "–"
    : `${format(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(share * 100)} %`;

/** All of these in the language that is asked for at the moment. */
export const speech = (language: () => Language) => ({
  figure: (value: number | null | undefined, digits = 3): string => figure(value, language(), digits),
  fixed: (value: number, digits: number): string => fixed(value, language(), digits),
  count: (value: number | null | undefined): string => count(value, language()),
  large: (value: number): string => large(value, language()),
  percent: (share: number | null | undefined, digits = 1): string => percent(share, language(), digits),
  setting: (value: unknown): string => setting(value, language()),
});

/** Multiply signs for the letter x between numbers: 16x5x5x3+16 = 1216 reads 16×5×5×3 + 16 = 1,216. */
export function arithmetic(text: string, language: Language): string {
  return text
    .replace(/(\d)x(?=\d)/g, "$1×")
    .replace(/(\d)\s*\+\s*(?=\d)/g, "$1 + ")
    .replace(/= (\d+)/, (_, total: string) => `= ${count(Number(total), language)}`);
}

/** Read what a person typed, with a point or a comma: "1e-3", "0,01". NaN where it is no number. */
export function parse(text: string): number {
  const plain = text.trim().replace("−", "-").replace(",", ".");
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
}

/** A duration in the largest unit that fits. */
export function duration(seconds: number): { unit: "seconds" | "minutes" | "hours"; value: number } {
  if (seconds < 90) return { unit: "seconds", value: Math.round(seconds) };
  if (seconds < 5400) return { unit: "minutes", value: Math.round(seconds / 60) };
  return { unit: "hours", value: Math.round(seconds / 360) / 10 };
}
