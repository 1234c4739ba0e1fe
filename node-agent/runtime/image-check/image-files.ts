/**
 * What an engine keeps of an image on disk, and what is wrong with it. An engine syncs its database at once and the layers never: a power cut
 * leaves images that it takes for whole with empty files in them (containerd#5854, moby#48052), also after they were removed and pulled again
 * where another image holds the layer.
 */
import type { Image } from '../runtime.ts'

/** One part that is not what its digest says. */
export interface Damage {
  /** `content`: what was downloaded. `layer`: what was unpacked of it. */
  readonly part: 'content' | 'layer'
  /** Of `content` the blob's; of a layer the chain id, which names it and all below it. */
  readonly digest: string
  /** What somebody at the machine can look at: `bin/app is empty instead of 1234 bytes`. */
  readonly detail: string
}

export type Verdict =
  | { readonly at: 'whole' }
  | { readonly at: 'damaged'; readonly damage: readonly Damage[] }
  /** Nobody can tell: this engine does not keep what is needed for that. */
  | { readonly at: 'unknown'; readonly why: string }
  | { readonly at: 'gone' }

/** Where an image's content can be had again. */
export interface ImageSource {
  /** Who may have it, whether or not it answers now. */
  where(image: Image): Promise<'archive' | 'registry' | undefined>
  /** Brings what the engine lacks of exactly this image. Rejects where it cannot be had now. */
  fetch(image: Image): Promise<void>
}

/** Called between pieces of at most 64 KiB: who calls decides how much of the machine this may take. */
export type Pace = () => Promise<void>

export interface ImageFiles {
  /** Removes what a repair that was cut off has left. */
  prepare(): Promise<void>
  /** A path on the file system that holds the image's layers; undefined where the image is gone. */
  location(id: string): Promise<string | undefined>
  /** Reads everything of an image and compares. Changes nothing. */
  verify(id: string, pace: Pace): Promise<Verdict>
  /**
   * Replaces the damaged parts and nothing else. What is removed can be had again: where it cannot, or a container uses it, this rejects and
   * nothing was removed but damaged content. The image is then verified again by the caller: another part may show its damage only now.
   * Resolves with the ids of all images that shared the parts.
   */
  repair(id: string, damage: readonly Damage[], source: ImageSource): Promise<readonly string[]>
}
