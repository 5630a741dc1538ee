// One epoch's worth of the lecture's network under ConvNetJS, for a comparison of speed: node bench/convnetjs.js FOLDER_OF_CONVNETJS SECONDS
// Prints the images per second trained (batch 4, Adadelta, augmentation as the demonstration does), on random images: the arithmetic is the same.
const [folder, seconds] = [process.argv[2], Number(process.argv[3] || 10)];
const convnetjs = require(folder);

const layers = [{ type: "input", out_sx: 32, out_sy: 32, out_depth: 3 }];
for (const filters of [16, 20, 20]) {
  layers.push({ type: "conv", sx: 5, filters, stride: 1, pad: 2, activation: "relu" });
  layers.push({ type: "pool", sx: 2, stride: 2 });
}
layers.push({ type: "softmax", num_classes: 10 });
const net = new convnetjs.Net();
net.makeLayers(layers);
const trainer = new convnetjs.SGDTrainer
  ? new convnetjs.SGDTrainer(net, { method: "adadelta", batch_size: 4, l2_decay: 0.0001 })
  : new convnetjs.Trainer(net, { method: "adadelta", batch_size: 4, l2_decay: 0.0001 });

const images = Array.from({ length: 64 }, () => {
  const image = new convnetjs.Vol(32, 32, 3, 0);
  for (let i = 0; i < image.w.length; i++) image.w[i] = Math.random() - 0.5;
  return image;
});

let count = 0;
const start = process.hrtime.bigint();
let elapsed = 0;
while (elapsed < seconds) {
  const shifted = convnetjs.augment(images[count % 64], 32, Math.floor(Math.random() * 5 - 2), Math.floor(Math.random() * 5 - 2), Math.random() < 0.5);
  trainer.train(shifted, count % 10);
  count += 1;
  elapsed = Number(process.hrtime.bigint() - start) / 1e9;
}
console.log((count / elapsed).toFixed(1));
