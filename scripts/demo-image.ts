/** The image of the demo: busybox, under a name that no registry has. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { buildImage, busyboxEntries, goArchitecture } from '../shared/host/oci-archive.ts'

/** Writes `bramble.local/hello:1`, made of this machine's static busybox, as a tar that the agent imports. */
export async function writeImage(path: string): Promise<void> {
  const entries = busyboxEntries(await readFile('/bin/busybox'))
  const image = buildImage({ reference: 'bramble.local/hello:1', architecture: goArchitecture(process.arch), entries, config: { Cmd: ['/bin/sh'], Env: ['PATH=/bin'] } })
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, image.tar)
}
