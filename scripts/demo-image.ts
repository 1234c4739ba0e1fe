/** The image of the demo: busybox, under a name that no registry has. */
import { writeBusyboxImage } from '../shared/host/oci-archive.ts'

/** Writes `bramble.local/hello:1` as a tar that the agent imports. */
export async function writeImage(path: string): Promise<void> {
  await writeBusyboxImage(path, 'bramble.local/hello:1')
}
