/** Texts cut to a number of bytes, without half a character at the cut. Pure. */

/** Its first `bytes` bytes. */
export function cutHead(text: string, bytes: number): string {
  const all = Buffer.from(text)
  // A decoder that waits for more keeps the half character to itself.
  return all.length <= bytes ? text : new TextDecoder().decode(all.subarray(0, bytes), { stream: true })
}

/** The last `bytes` bytes of what may be any bytes. */
export function cutTail(data: Uint8Array, bytes: number): string {
  let from = Math.max(0, data.length - bytes)
  // 10xxxxxx goes on with a character that began before.
  if (from > 0) while (from < data.length && (data[from]! & 0xc0) === 0x80) from++
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(data.subarray(from))
}
