/** `metav1.Time` on the wire: RFC 3339, UTC, whole seconds. */

/** The text of a wall-clock time in milliseconds. */
export const timestamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

/** Milliseconds since the epoch; NaN where the text is absent or no time. */
export const fromTimestamp = (text: string | undefined): number => (text === undefined ? NaN : Date.parse(text))
