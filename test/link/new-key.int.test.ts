/** The agent's key made in a process of its own: the program itself is started, as a joining node starts it. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newKeyApart } from '../../node-agent/link/new-key.ts'
import { createCa, readCsr, signCsr } from '../../shared/pki/certificates.ts'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { Millis } from '../../shared/base/brands.ts'

const subject = { commonName: 'system:node:pi-1', organizations: ['system:nodes'] }

test('the agent makes a key and a request for it, which a CA signs', async () => {
  const { keyPem, csrPem } = await newKeyApart(join(import.meta.dirname, '../../node-agent/main.ts'))(subject)
  expect(await readCsr(csrPem)).toMatchObject(subject)
  const now = Date.now() as Millis
  const ca = await createCa({ commonName: 'ca' }, { now, ttl: 60_000 as Millis })
  const certificate = new X509Certificate(await signCsr(ca, csrPem, { now, ttl: 60_000 as Millis, usages: ['client'] }))
  expect(certificate.checkPrivateKey(createPrivateKey(keyPem))).toBe(true)
})

test('a program that fails is an error without its output', async () => {
  await expect(newKeyApart(join(import.meta.dirname, 'no-such-program.ts'))(subject)).rejects.toThrow(/exit code 1/)
})
