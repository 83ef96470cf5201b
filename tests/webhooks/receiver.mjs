// A merchant's server as many were written: it verifies a signature over what JSON.stringify makes of
// the body that it has parsed, and not over the bytes that came. 204 for what is genuine, 401 else.
// Arguments: its secret. It prints its port.

import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'

const secret = process.argv[2]

const verify = {
  '/gateway': ({ headers }, said) =>
    headers['x-webhook-signature'] === createHmac('sha256', secret).update(said).digest('hex'),

  '/standard': ({ headers }, said) => {
    const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${said}`
    const mac = createHmac('sha256', key).update(signed).digest('base64')
    return headers['webhook-signature'] === `v1,${mac}`
  },
}

const server = createServer((request, response) => {
  let raw = ''
  request.setEncoding('utf8')
  request.on('data', part => { raw += part })
  request.on('end', () => {
    const genuine = verify[request.url](request, JSON.stringify(JSON.parse(raw)))
    response.writeHead(genuine ? 204 : 401).end()
  })
})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
