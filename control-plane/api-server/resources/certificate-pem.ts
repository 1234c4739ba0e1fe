/** PEM texts in objects: as much of them as can be judged without an X.509 library. Pure. */
import type { FieldError } from './definition.ts'
import { invalidValue } from './findings.ts'

interface Block { readonly type: string; readonly headers: boolean; readonly der: Buffer }

function blocks(pem: string): { blocks: Block[]; rest: string } {
  const found: Block[] = []
  const rest = pem.replace(/-----BEGIN ([A-Z0-9 ]+)-----\r?\n([\s\S]*?)-----END \1-----\s*/g, (_all, type: string, body: string) => {
    found.push({ type, headers: body.includes(':'), der: Buffer.from(body.replace(/\s/g, ''), 'base64') })
    return ''
  })
  return { blocks: found, rest: rest.trim() }
}

/** One ASN.1 SEQUENCE that is as long as it says: what every request and certificate is. */
function asn1Error(der: Buffer): string | undefined {
  if (der[0] !== 0x30) return 'asn1: structure error: tags don\'t match'
  const first = der[1] ?? 0
  const bytes = first < 0x80 ? 0 : first & 0x7f
  const length = bytes === 0 ? first : bytes <= 4 && der.length > 1 + bytes ? der.readUIntBE(2, bytes) : Number.NaN
  return 2 + bytes + length === der.length ? undefined : 'asn1: syntax error: data truncated'
}

/** `encoded`: base64 of the PEM text, as in the object. */
export function validateRequest(field: string, encoded: string): FieldError[] {
  const block = blocks(Buffer.from(encoded, 'base64').toString()).blocks[0]
  if (block?.type !== 'CERTIFICATE REQUEST') return [invalidValue(field, encoded, 'PEM block type must be CERTIFICATE REQUEST')]
  const wrong = asn1Error(block.der)
  return wrong === undefined ? [] : [invalidValue(field, encoded, wrong)]
}

/** One or more certificates and nothing else; none at all is fine. */
export function validateCertificates(field: string, encoded: string | undefined): FieldError[] {
  if (!encoded) return []
  const refuse = (detail: string): FieldError[] => [invalidValue(field, '<certificate data>', detail)]
  const found = blocks(Buffer.from(encoded, 'base64').toString())
  if (!found.blocks.length) return refuse('must contain one or more PEM blocks')
  for (const { type, headers, der } of found.blocks) {
    if (type !== 'CERTIFICATE') return refuse(`only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(type)}`)
    if (headers) return refuse('no PEM block headers are permitted')
    const wrong = asn1Error(der)
    if (wrong !== undefined) return refuse(wrong)
  }
  return []
}
