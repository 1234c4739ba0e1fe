/** Images for tests, made from the machine's own static busybox: no registry, no download. */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { writeBusyboxImage, type ArchiveEntry, type ImageRunConfig } from '../../shared/host/oci-archive.ts'

export const testImage = 'bramble.test/busybox:1'

/** Writes an image archive for `importImage`, `docker load` or `ctr images import`; returns the image's id. */
export async function writeTestImage(tarPath: string, options: { reference?: string; config?: ImageRunConfig; entries?: readonly ArchiveEntry[] } = {}): Promise<string> {
  await mkdir(dirname(tarPath), { recursive: true })
  return writeBusyboxImage(tarPath, options.reference ?? testImage, options)
}
