/**
 * What is known of the images on disk. Pure.
 *
 * An image is whole when it was synced to the disk, or read and compared, and the machine was not cut off from its power since. Where nobody
 * says so it is not: a crash between a pull and its sync leaves an image that is verified before it is used. While the kernel goes on, its
 * memory is what the disk will be: an agent that was killed has lost nothing.
 */

export interface Ledger {
  /** The kernel's boot id. */
  readonly boot: string
  /** The agent was ended in order, and none has started since. */
  readonly closed: boolean
  /** Every image that was there when this boot began is in `images`. */
  readonly listed: boolean
  /**
   * The store was cut off from its power once, or is older than what we know. It may have layers that no image had got when that happened: a pull
   * takes them for its own unread. Never taken back.
   */
  readonly cut: boolean
  readonly images: Readonly<Record<string, 'whole' | 'unverified'>>
}

/** How an agent goes on that starts in `boot`. */
export function open(kept: Ledger | undefined, boot: string): Ledger {
  if (kept && (kept.boot === boot || kept.closed)) return { ...kept, boot, closed: false }
  return { boot, closed: false, listed: false, cut: kept !== undefined, images: Object.fromEntries(Object.keys(kept?.images ?? {}).map((id) => [id, 'unverified' as const])) }
}

/** `verify`: read and compare first. `sync`: every layer of it came by a kernel that still runs; it only has to reach the disk. */
export function need(ledger: Ledger, id: string): 'nothing' | 'verify' | 'sync' {
  const known = ledger.images[id]
  if (known) return known === 'whole' ? 'nothing' : 'verify'
  return ledger.listed && !ledger.cut ? 'sync' : 'verify'
}

export const suspects = (ledger: Ledger): readonly string[] => Object.keys(ledger.images).filter((id) => ledger.images[id] === 'unverified').sort()

/** All images that the engine has: where there were none before, or a power cut was, all are to be verified; what is gone is forgotten. */
export function list(ledger: Ledger, present: readonly string[]): Ledger {
  const images = Object.fromEntries(present.flatMap((id) => { const known = ledger.images[id] ?? (ledger.listed ? undefined : 'unverified'); return known ? [[id, known] as const] : [] }))
  return { ...ledger, listed: true, cut: ledger.cut || (!ledger.listed && present.length > 0), images }
}

export const set = (ledger: Ledger, ids: readonly string[], state: 'whole' | 'unverified'): Ledger => ({ ...ledger, images: { ...ledger.images, ...Object.fromEntries(ids.map((id) => [id, state])) } })

export const forget = (ledger: Ledger, id: string): Ledger => ({ ...ledger, images: Object.fromEntries(Object.entries(ledger.images).filter(([known]) => known !== id)) })

export const close = (ledger: Ledger): Ledger => ({ ...ledger, closed: true })

/** What was kept, undefined where it is none: then everything is to be verified. */
export function parse(text: string | undefined): Ledger | undefined {
  if (!text) return undefined
  try {
    const { boot, closed, listed, cut, images } = JSON.parse(text) as Partial<Ledger>
    if (typeof boot !== 'string' || typeof images !== 'object' || images === null) return undefined
    return { boot, closed: closed === true, listed: listed === true, cut: cut !== false, images: Object.fromEntries(Object.entries(images).map(([id, state]) => [id, state === 'whole' ? 'whole' : 'unverified'])) }
  } catch (e) {
    if (e instanceof SyntaxError) return undefined
    throw e
  }
}
