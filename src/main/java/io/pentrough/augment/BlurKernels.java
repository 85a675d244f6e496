package io.pentrough.augment;

import io.pentrough.ArraySpec;
import io.pentrough.StageSlot;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceKernel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Binds the kernels of blur.cu, one for each blurred axis, to the memory of a slot. */
final class BlurKernels {

  private final StageSlot slot;
  private final String array;
  private final ArraySpec spec;
  private final Border border;

  /** How many weights a sample has. */
  private final int row;

  BlurKernels(StageSlot slot, String array, Border border, long row) {
    this.slot = slot;
    this.array = array;
    this.spec = slot.inSpec(array);
    this.border = border;
    this.row = (int) row;
  }

  /** The index of an axis among the dimensions of an array. */
  static int dimension(Axis axis, ArraySpec spec) {
    return spec.rank() - 3 + axis.number;
  }

  /** The passes over the array, in their order. */
  List<DeviceKernel> passes(Map<Axis, Integer> radii) {
    List<DeviceKernel> passes = new ArrayList<>();
    DeviceBuffer from = slot.in(array);
    int first = 0;
    for (Map.Entry<Axis, Integer> along : radii.entrySet()) {
      // The last pass has to end in the stage's output; the one before it in the scratch memory.
      int left = radii.size() - 1 - passes.size();
      DeviceBuffer to = left % 2 == 0 ? slot.out(array) : slot.scratch();
      passes.add(pass(along.getKey(), along.getValue(), from, to, first));
      first += along.getValue() + 1;
      from = to;
    }
    return passes;
  }

  /**
   * One pass.
   *
   * @param first the index of its first weight in a sample's row
   */
  private DeviceKernel pass(Axis axis, int radius, DeviceBuffer from, DeviceBuffer to, int first) {
    int stride = 1;
    int dimension = dimension(axis, spec);
    for (int i = dimension + 1; i < spec.rank(); i++) {
      stride *= spec.dimension(i);
    }
    int samples = spec.dimension(0);
    int length = spec.dimension(dimension);
    int blocks = spec.elements() / length / stride;
    boolean alongX = stride == 1;
    int threads = Spread.alongX(alongX ? length : stride);
    int tiles =
        Spread.ceil(
            alongX ? blocks / samples : length, BlurHostKernels.EACH * Spread.rows(threads));
    DeviceKernel kernel =
        slot.kernel(BlurHostKernels.SOURCE, alongX ? "blurAlong" : "blurAcross")
            .set(0, from)
            .set(1, to)
            .set(2, slot.parameters())
            .setInt(3, row)
            .setInt(4, first)
            .setInt(5, length)
            .setInt(6, blocks / samples)
            .setInt(7, tiles)
            .setInt(8, radius)
            .setInt(9, border == Border.MIRROR ? 1 : 0);
    if (!alongX) {
      kernel.setInt(10, stride);
    }
    return kernel
        .block(threads, Spread.rows(threads), 1)
        .grid(
            (alongX ? samples : blocks) * tiles,
            Spread.blocks(alongX ? length : stride, 2 * threads),
            1);
  }
}
