// What a Node program does with the endpoint; prints what it saw as one JSON object.
import { createClient } from '@clickhouse/client'

const url = process.argv[2]
const client = createClient({ url, database: 'netiv', session_id: 'node' })
const packed = createClient({ url, database: 'netiv', compression: { response: true } })

async function code(query) {
  try {
    await client.query({ query })
    return 'none'
  } catch (error) {
    return error.code
  }
}

const rows = await client.query({
  query: 'SELECT n, name FROM canary WHERE n < {most: UInt64} ORDER BY n',
  query_params: { most: 3 },
  format: 'JSONEachRow',
})
const empty = await client.query({ query: 'SELECT n FROM canary WHERE 0', format: 'JSON' })
const stream = await packed.query({ query: 'SELECT number FROM numbers(100000)', format: 'JSONEachRow' })
let streamed = 0
for await (const block of stream.stream()) streamed += block.length
const gzip = await packed.query({ query: 'SELECT count() AS c FROM numbers(100000)', format: 'JSON' })
await client.command({ query: 'CREATE TEMPORARY TABLE t AS SELECT 5 AS x' })
const temporary = await client.query({ query: 'SELECT x FROM t', format: 'JSONEachRow' })
const seen = {
  ping: (await client.ping()).success,
  rows: (await rows.json()).map((row) => ({ ...row, n: String(row.n) })),
  empty: (await empty.json()).data,
  streamed,
  gzip: String((await gzip.json()).data[0].c),
  temporary: await temporary.json(),
  refused: await code('DROP TABLE canary'),
  syntax: await code('SELEC 1'),
}
console.log(JSON.stringify(seen))
await client.close()
await packed.close()
