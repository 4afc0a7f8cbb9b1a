// Drives the simulated OZmap with OZmap's official SDK. Arguments: the URL. The password of user "api" is in
// OZMAP_PASSWORD. Prints one JSON object with what it saw; any surprise ends it with an error.
'use strict';
const assert = require('node:assert/strict');
const { default: OZMapSDK, FilterOperator } = require('@ozmap/ozmap-sdk');

async function main(url) {
  const sdk = new OZMapSDK(url, { login: 'api', password: process.env.OZMAP_PASSWORD });
  const is = (property, value) => [{ property, operator: FilterOperator.EQUAL, value }];

  // The first request is 401; the SDK logs in and repeats it.
  const page = await sdk.ftthClient.find({ page: 1, limit: 10 });
  assert.equal(page.rows.length, 10);
  assert.equal(page.hasNextPage, true);

  const every = await sdk.ftthClient.findAll({ batchSize: 7 });
  assert.equal(every.length, page.total);
  assert.equal(new Set(every.map((client) => client.id)).size, page.total);
  const some = await sdk.ftthClient.findAll({
    batchSize: 20,
    filter: [{ property: 'code', operator: FilterOperator.LIKE, value: 'a-1' }],
    sorter: [{ property: 'code', direction: -1 }],
  });
  assert.equal(some.length, 90);
  assert.equal(some[0].code, 'A-189');

  const bySerial = await sdk.ftthClient.find({ filter: is('onu.serial_number', 'ZTEGC1B2F8FC') });
  assert.deepEqual(bySerial.rows.map((client) => client.code), ['10|452']);
  const client = await sdk.ftthClient.findOne({ filter: is('code', 'A-100') });
  assert.equal((await sdk.ftthClient.findById(client.id)).code, 'A-100');
  assert.equal(await sdk.ftthClient.findById('65a0000000000000000fffff'), null);

  await sdk.ftthClient.updateById(client.id, { status: 1 });
  assert.equal((await sdk.ftthClient.findById(client.id)).status, 1);
  const ids = some.slice(10, 20).map((one) => one.id);
  await sdk.ftthClient.batchUpdate([{ property: 'id', operator: FilterOperator.IN, value: ids }], { status: 1 });
  const red = await sdk.ftthClient.find({ limit: 100, filter: is('status', 1) });

  const house = await sdk.property.findOne({ filter: is('client', client.id) });
  assert.equal(house.client.code, 'A-100');
  await sdk.property.updateById(house.id, { potencyRead: -21.37 });
  assert.equal((await sdk.property.findById(house.id)).potencyRead, -21.37);
  await sdk.property.batchUpdate(is('client.code', 'A-101'), { potencyRead: null });

  const box = await sdk.box.findById(house.box);
  assert.equal(box.kind, 'Box');
  assert.ok(box.cables.includes(house.drop));
  const drop = await sdk.cable.findById(house.drop);
  assert.deepEqual([drop.kind, drop.boxA, drop.boxB], ['Drop', box.id, house.id]);
  const splitter = await sdk.splitter.findOne({ filter: is('parent', box.id) });
  assert.equal(splitter.connectables.output[house.connections[0].port - 1], house.connections[0].fiber);
  const counts = {};
  for (const name of ['baseBox', 'box', 'boxType', 'cable', 'cableType', 'cord', 'connector', 'dio', 'fiber', 'fusion',
    'networkConnectables', 'networkConnector', 'olt', 'passing', 'pon', 'pop', 'project', 'shelf', 'slot', 'splitter',
    'pendencyType']) {
    assert.ok(sdk[name], `the SDK has no ${name}`);
    counts[name] = (await sdk[name].findAll({ batchSize: 50 })).length;
  }
  const [olt] = (await sdk.olt.find({})).rows;
  assert.ok(olt.snmp.community);

  const [kind] = (await sdk.pendencyType.find({})).rows;
  const pendency = await sdk.pendency.create({
    owner: '65a000000000004e00000001', project: house.project, pendencyType: kind.id, coords: house.coords,
    name: 'corte',
  });
  await sdk.pendency.updateById(pendency.id, { solved: true });
  assert.equal((await sdk.pendency.findById(pendency.id)).solved, true);
  const post = await sdk.post.create({ element: { id: house.id, kind: 'property' }, title: 'visto' });
  assert.equal(post.title, 'visto');

  const [trace] = await sdk.apiInstance.get({ route: `properties/client/${client.code}/potency` });
  assert.equal(trace.pon_reached, true);
  await assert.rejects(sdk.ftthClient.updateById(client.id, { name: 'x', tags: ['nonsense', 5] }));

  console.log(JSON.stringify({ clients: every.length, red: red.total, counts, pon: trace.pon.name }));
}

main(process.argv[2]).catch((error) => {
  console.error(error.stack || JSON.stringify(error.data) || error);
  process.exit(1);
});
