/** What a pod shows while its image is damaged, and that it starts once it is not. */
import { expect, it } from 'vitest'
import { makePod, makeWorld } from '../../harness.ts'
import type { ImageGuard, Usable } from './guard.ts'

it('a pod waits with the reason while its image is damaged, and starts when it is whole', async () => {
  let verdict: Usable = { ok: false, message: 'image "busybox:1" is damaged (layer sha256:l: bin/sh is empty instead of 9 bytes) and cannot be repaired: no route to host' }
  let asked = 0
  const imageGuard: ImageGuard = { list: async () => undefined, use: async () => { asked++; return verdict }, run: (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })), forget: () => undefined, close: async () => undefined }
  const w = await makeWorld({ imageGuard })
  try {
    w.desired.put('Pod', makePod('p', { containers: [{ name: 'main', image: 'busybox:1', imagePullPolicy: 'IfNotPresent' }] }))
    await w.until('refused', () => w.sink.container('p')?.state?.waiting?.reason === 'ImageInspectError')
    expect(w.sink.container('p')?.state?.waiting?.message).toContain('bin/sh is empty instead of 9 bytes')
    expect(w.sink.reasons('p')).toContain('InspectFailed')
    expect(w.sink.reasons('p')).not.toContain('Started')
    verdict = { ok: true, repaired: true }
    await w.clock.advance(11_000)
    await w.until('running', () => w.sink.container('p')?.state?.running !== undefined)
    expect(asked).toBe(2)
  } finally { await w.close() }
})
