package io.pentrough.augment;

import io.pentrough.ArraySpec;
import io.pentrough.BatchContext;
import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.HostArray;
import io.pentrough.HostBatch;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;

/** A random augmentation of random arrays, from a seed. */
final class AugmentCase {

  private static final DType[] IMAGES = {
    DType.INT8, DType.UINT8, DType.INT16, DType.UINT16, DType.INT32, DType.UINT32, DType.FLOAT32
  };
  private static final DType[] LABELS = {
    DType.INT8,
    DType.UINT8,
    DType.INT16,
    DType.UINT16,
    DType.INT32,
    DType.UINT32,
    DType.INT64,
    DType.UINT64
  };

  private static final int[] WIDER = {8, 24, 56, 125};

  final Layout layout;
  final int samples;
  final int channels;
  final int[] source;
  final int[] patch;
  final int[] labelSource;
  final int[] labelPatch;
  final BatchSpec spec;
  final Augmentation augmentation;
  final boolean warps;
  final boolean hasLabel;
  final Border border;
  final float imageConstant;
  final int labelConstant;
  final boolean clips;
  final boolean gammas;
  final int noise;
  final float amplitude;
  final int boxes;
  final double range;

  AugmentCase(long seed) {
    Random random = new Random(seed * 0x9E3779B97F4A7C15L); // neighbours would begin alike
    layout = List.of(Layout.values()).get(random.nextInt(4));
    samples = 1 + random.nextInt(3);
    channels = layout.hasChannels ? 1 + random.nextInt(3) : 1;
    warps = random.nextInt(3) > 0;
    hasLabel = random.nextInt(4) > 0;
    boolean swaps = random.nextBoolean();
    boolean crops = random.nextBoolean();
    source = new int[3];
    patch = new int[3];
    labelSource = new int[3];
    labelPatch = new int[3];
    int equal = 1 + random.nextInt(9);
    int equalInset = random.nextInt(2);
    for (int a = 0; a < 3; a++) {
      boolean flat = a == 0 && !layout.hasZ;
      int length = swaps ? equal : 1 + random.nextInt(9);
      if (a == 2 && !swaps && seed % 2 == 1) { // several blocks, and several steps of each thread
        length += WIDER[(int) (seed / 2) % WIDER.length];
      }
      patch[a] = flat ? 1 : length;
      source[a] = flat ? 1 : patch[a] + random.nextInt(6);
      int inset = swaps ? equalInset : random.nextInt(2);
      labelPatch[a] = patch[a] - 2 * inset > 0 ? patch[a] - 2 * inset : patch[a];
      labelSource[a] = source[a] - 2 * (crops || flat ? 0 : (patch[a] - labelPatch[a]) / 2);
    }
    DType imageType = IMAGES[random.nextInt(IMAGES.length)];
    range = imageType == DType.FLOAT32 ? 1 : Math.pow(2, 8 * imageType.bytes());
    BatchSpec.Builder arrays =
        BatchSpec.builder().array("image", imageType, shape(source, layout.hasChannels));
    if (hasLabel) {
      arrays.array("label", LABELS[random.nextInt(LABELS.length)], shape(labelSource, false));
    }
    spec = arrays.build();
    Augmentation.Builder builder =
        Augmentation.builder(spec.array("image"), layout)
            .patch(patch[0], patch[1], patch[2])
            .scale((float) (1 / range));
    if (hasLabel) {
      builder.label(spec.array("label")).labelPatch(labelPatch[0], labelPatch[1], labelPatch[2]);
    }
    builder.flip(random.nextBoolean() ? Axis.values() : new Axis[] {Axis.X});
    if (swaps) {
      builder.swap(layout.hasZ ? Axis.values() : new Axis[] {Axis.Y, Axis.X});
    }
    if (crops) {
      builder.crop(true);
    }
    border = List.of(Border.values()).get(random.nextInt(3));
    imageConstant = border == Border.CONSTANT ? (float) (0.3 * range) : 0;
    labelConstant = border == Border.CONSTANT ? -7 : 0;
    if (border == Border.CONSTANT) {
      builder.constantBorder(imageConstant, labelConstant);
    } else {
      builder.border(border);
    }
    if (warps) {
      Warp.Builder warp =
          Warp.builder().rotation(180).shear(0.3 * random.nextInt(2)).scale(0.7, 1.4);
      boolean locked = random.nextInt(3) == 0;
      warp = locked ? warp.lockZ(true) : warp.tilt(90 * random.nextInt(2)).anisotropy(2);
      builder.warp(warp.perspective(!locked && random.nextBoolean() ? 0.2 : 0).build());
    }
    clips = random.nextBoolean();
    gammas = clips && random.nextBoolean();
    if (random.nextBoolean()) {
      builder.contrast(0.85f, 1.15f).brightness(-0.15f, 0.15f);
    }
    if (clips) {
      builder.clip(true);
    }
    if (gammas) {
      builder.gamma(0.5f, 2);
    }
    noise = random.nextInt(3);
    amplitude = noise == 0 ? 0 : 0.1f;
    if (noise == 1) {
      builder.uniformNoise(amplitude);
    } else if (noise == 2) {
      builder.gaussianNoise(amplitude);
    }
    boxes = random.nextInt(3);
    if (boxes > 0) {
      builder
          .cutOut(1 + random.nextInt(patch[0]), (patch[1] + 1) / 2, (patch[2] + 1) / 2)
          .cutOutBoxes(boxes)
          .cutOutValue(-3);
    }
    augmentation = builder.build();
  }

  private int[] shape(int[] size, boolean withChannels) {
    int[] shape = new int[layout.rank - (layout.hasChannels && !withChannels ? 1 : 0)];
    int at = 0;
    shape[at++] = samples;
    if (withChannels) {
      shape[at++] = channels;
    }
    for (int a = layout.hasZ ? 0 : 1; a < 3; a++) {
      shape[at++] = size[a];
    }
    return shape;
  }

  void fill(HostBatch out, BatchContext context) {
    Random random = new Random(context.index());
    for (ArraySpec array : spec.arrays()) {
      fill(out.array(array.name()), random);
    }
  }

  /** Any bytes; floats from 0 to 1. */
  static void fill(HostArray to, Random random) {
    byte[] bytes = new byte[(int) to.spec().bytes()];
    random.nextBytes(bytes);
    if (to.spec().dtype() == DType.FLOAT32) {
      for (int i = 0; i < to.spec().elements(); i++) {
        to.setFloat(i, random.nextFloat());
      }
    } else {
      to.set(0, ByteBuffer.wrap(bytes));
    }
  }

  static long integer(HostArray array, int i) {
    return switch (array.spec().dtype()) {
      case INT8 -> array.getByte(i);
      case UINT8 -> array.getByte(i) & 0xff;
      case INT16 -> array.getShort(i);
      case UINT16 -> array.getShort(i) & 0xffff;
      case INT32 -> array.getInt(i);
      case UINT32 -> array.getInt(i) & 0xffffffffL;
      default -> array.getLong(i);
    };
  }
}
