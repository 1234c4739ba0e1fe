/** Images for tests, made from the machine's own static busybox: no registry, no download. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { buildImage, busyboxEntries, goArchitecture, type ArchiveEntry, type ImageRunConfig } from '../../shared/host/oci-archive.ts'

export const testImage = 'bramble.test/busybox:1'

/** Writes an image archive for `importImage`, `docker load` or `ctr images import`; returns the image's id. */
export async function writeBusyboxImage(tarPath: string, options: { reference?: string; config?: ImageRunConfig; entries?: readonly ArchiveEntry[] } = {}): Promise<string> {
  const busybox = await readFile('/bin/busybox')
  const image = buildImage({
    reference: options.reference ?? testImage, architecture: goArchitecture(process.arch), entries: busyboxEntries(busybox, options.entries),
    config: { Cmd: ['/bin/sh'], Env: ['PATH=/bin'], ...options.config },
  })
  await mkdir(dirname(tarPath), { recursive: true })
  await writeFile(tarPath, image.tar)
  return image.id
}
