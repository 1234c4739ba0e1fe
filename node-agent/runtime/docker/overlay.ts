/**
 * What overlay2 knows of a layer beside its content: a short name, and the short names of all layers below. Docker writes them without a sync; an
 * empty one makes the image one that is listed and can neither be inspected nor started (moby#48052).
 */
import { join } from 'node:path'
import { linkTarget, readText } from '../../../shared/host/tree.ts'

export interface Overlay { readonly folder: string; /** Of this layer and all below, as the next one names them. */ readonly stack: string }

/** `record` is the layer's folder in `layerdb`, `below` the layer right below it. A sentence where something does not fit. */
export async function overlayOf(root: string, record: string, below: Overlay | undefined): Promise<Overlay | string> {
  const cacheId = (await readText(join(record, 'cache-id')))?.trim() ?? ''
  if (!/^[0-9a-z]{16,128}$/.test(cacheId)) return 'its folder is not named'
  const folder = join(root, 'overlay2', cacheId)
  const [link = '', lower = ''] = await Promise.all([readText(join(folder, 'link')), readText(join(folder, 'lower'))])
  if (!/^[0-9A-Z]+$/.test(link)) return 'its short name (link) is damaged'
  if (await linkTarget(join(root, 'overlay2/l', link)) !== `../${cacheId}/diff`) return `its short name l/${link} leads elsewhere`
  if (lower !== (below?.stack ?? '')) return 'the names of the layers below it (lower) are damaged'
  return { folder: join(folder, 'diff'), stack: lower === '' ? `l/${link}` : `l/${link}:${lower}` }
}
