package io.pentrough;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.fail;

import io.pentrough.augment.Augmentation;
import io.pentrough.augment.Axis;
import io.pentrough.augment.Blur;
import io.pentrough.augment.Border;
import io.pentrough.augment.Layout;
import io.pentrough.augment.OneHot;
import io.pentrough.augment.Warp;
import io.pentrough.data.BadSampleListener;
import io.pentrough.data.Batches;
import io.pentrough.data.CachedDataset;
import io.pentrough.data.Dataset;
import io.pentrough.data.LastBatch;
import io.pentrough.data.NpyArray;
import io.pentrough.data.Padding;
import io.pentrough.data.Permutation;
import io.pentrough.data.Sample;
import io.pentrough.data.SampleException;
import io.pentrough.data.Sampler;
import io.pentrough.device.Device;
import io.pentrough.device.DeviceBuffer;
import io.pentrough.device.DeviceEvent;
import io.pentrough.device.DeviceKernel;
import io.pentrough.device.DeviceModule;
import io.pentrough.device.DeviceProvider;
import io.pentrough.device.DeviceStream;
import io.pentrough.device.HostKernel;
import io.pentrough.device.KernelSource;
import io.pentrough.device.OnEveryDevice;
import io.pentrough.device.PinnedBuffer;
import io.pentrough.device.TestDevice;
import io.pentrough.device.TestKernels;
import io.pentrough.device.cuda.CudaDevice;
import io.pentrough.device.cuda.CudaProvider;
import io.pentrough.device.host.HostDevice;
import io.pentrough.device.host.HostDeviceProvider;
import io.pentrough.metrics.LoaderMetrics;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ThreadFactory;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Null for each parameter of the public interface that is not said to take it. */
@OnEveryDevice(everySchedule = false)
class NullArgumentsTest {

  private static final BatchSpec SPEC =
      BatchSpec.builder()
          .array("bytes", DType.UINT8, 2, 8, 8)
          .array("floats", DType.FLOAT32, 2, 1, 8, 8)
          .array("halves", DType.FLOAT16, 4)
          .build();

  /** What the library only calls; and what has nothing to be called with. */
  private static final Set<Class<?>> CALLED_BY_US =
      Set.of(
          ArraySource.class,
          BatchStage.class,
          BatchTarget.class,
          BadSampleListener.class,
          Dataset.class,
          EpochTarget.class,
          FailurePolicy.SkipListener.class,
          HostKernel.class,
          StageWork.class,
          io.pentrough.device.AbstractKernel.class); // by those who implement a device

  private final Device device = TestDevice.open();
  private final Map<Class<?>, Object> samples = new HashMap<>();
  private final Map<Class<?>, @Nullable Object> subjects = new HashMap<>();
  private final List<String> wrong = new ArrayList<>();
  private final Set<String> tried = new TreeSet<>();

  @Test
  @DisplayName("null is refused with the parameter's name, and nothing has happened")
  void everyParameter(@TempDir Path folder) throws Exception {
    Kept stage = new Kept();
    try (DeviceStream stream = device.newStream();
        DeviceEvent event = device.newEvent();
        PinnedBuffer pinned = device.allocatePinned(8);
        DeviceBuffer buffer = device.allocate(8);
        DeviceModule module = device.load(TestKernels.SOURCE);
        DeviceKernel kernel = module.kernel("saxpy");
        BackgroundLoader loader =
            BackgroundLoader.builder(device, SPEC, (out, context) -> {}).stage(stage).start();
        BatchQueue queue = BatchQueue.builder(device, 1024).start();
        DeviceBatch batch = loader.get();
        ParallelLoader parallel =
            ParallelLoader.builder(List.of(device), SPEC, (out, context) -> {}).start();
        ParallelBatch step = parallel.get();
        HostDevice hostDevice = HostDevice.open()) {
      HostBatch host = new HostBatch(SPEC, new TestMemory(SPEC.slotBytes()), 0, null);
      host.open();
      Augmentation.Builder augmentation = Augmentation.builder(SPEC.array(0), Layout.NYX);
      BatchSpec.Builder spec = BatchSpec.builder().array("first", DType.INT8, 1);
      BackgroundLoader.InferBuilder infers =
          BackgroundLoader.infer(device, context -> new Object[] {new byte[1]});
      add(Device.class, device);
      add(DeviceStream.class, stream);
      add(DeviceEvent.class, event);
      add(PinnedBuffer.class, pinned);
      add(DeviceBuffer.class, buffer);
      add(DeviceModule.class, module);
      add(DeviceKernel.class, kernel);
      add(KernelSource.class, TestKernels.SOURCE);
      add(BackgroundLoader.class, loader);
      add(LoaderMetrics.class, new LoaderMetrics(loader));
      add(BatchQueue.class, queue);
      add(ParallelLoader.class, parallel);
      add(ParallelBatch.class, step);
      add(ParallelStats.class, parallel.stats());
      add(
          ParallelLoader.Builder.class,
          ParallelLoader.builder(List.of(device), SPEC, (out, context) -> {}));
      samples.put(Remainder.class, Remainder.DROP);
      samples.put(ThreadFactory.class, (ThreadFactory) Thread::new);
      add(DeviceBatch.class, batch);
      add(DeviceArray.class, batch.array(0));
      add(LoaderStats.class, loader.stats());
      Trace trace = loader.trace();
      add(Trace.class, trace);
      add(Trace.Batch.class, trace.batches().get(0));
      samples.put(Trace.Step.class, Trace.Step.FILLED);
      samples.put(Path.class, Path.of("unused"));
      samples.put(OutputStream.class, OutputStream.nullOutputStream());
      samples.put(List.class, List.of(trace));
      add(HostBatch.class, host);
      add(HostArray.class, host.array(0));
      add(BatchSpec.class, SPEC);
      add(ArraySpec.class, SPEC.array(0));
      add(BatchSpec.Builder.class, spec);
      add(
          BackgroundLoader.Builder.class,
          BackgroundLoader.builder(device, SPEC, (out, context) -> {}));
      add(BackgroundLoader.InferBuilder.class, infers);
      add(BatchLoader.class, queue);
      add(BatchQueue.Builder.class, BatchQueue.builder(device, 1024));
      add(StageSlot.class, Objects.requireNonNull(stage.slot));
      add(StageInvocation.class, Objects.requireNonNull(stage.run));
      add(StageArrays.class, new StageArrays("stage", Map.of()));
      add(Augmentation.Builder.class, augmentation);
      add(Augmentation.class, augmentation.build());
      add(OneHot.class, OneHot.of("bytes", "hot", 2, DType.UINT8));
      add(Blur.class, Blur.builder("floats").sigma(1, 1).build());
      add(Blur.Builder.class, Blur.builder("floats"));
      add(Warp.Builder.class, Warp.builder());
      add(Permutation.class, Permutation.of(1, 1, 1));
      add(Sampler.class, Sampler.shuffled());
      add(Sampler.Order.class, Sampler.shuffled().order(1));
      add(HostDeviceProvider.class, new HostDeviceProvider());
      add(DeviceProvider.class, new HostDeviceProvider());
      add(HostDevice.class, hostDevice);
      if (device instanceof CudaDevice) {
        add(CudaDevice.class, device);
        add(CudaDevice.Builder.class, CudaDevice.builder());
        add(CudaProvider.class, new CudaProvider());
      }
      samples.put(String.class, "a");
      samples.put(String[].class, new String[] {"a"});
      samples.put(int[].class, new int[] {1});
      samples.put(long[].class, new long[] {0});
      samples.put(double[].class, new double[] {1});
      add(DType.class, DType.INT8);
      samples.put(DType[].class, new DType[0]);
      samples.put(Duration.class, Duration.ofSeconds(1));
      samples.put(BatchTarget.class, (BatchTarget) (out, context) -> {});
      samples.put(ArraySource.class, (ArraySource) context -> new Object[0]);
      samples.put(ByteBuffer.class, ByteBuffer.allocate(8));
      samples.put(FloatBuffer.class, FloatBuffer.allocate(1));
      samples.put(ShortBuffer.class, ShortBuffer.allocate(1));
      samples.put(HostKernel.class, (HostKernel) arguments -> {});
      samples.put(Layout.class, Layout.NYX);
      samples.put(Axis.class, Axis.X);
      samples.put(Border.class, Border.CLAMP);
      samples.put(Class.class, NullArgumentsTest.class);
      samples.put(Runnable.class, (Runnable) () -> {});
      BatchContext began = new BatchContext(0, 0);
      began.begin(0, 0, 0);
      add(BatchContext.class, began);
      KeptSample dataset = new KeptSample();
      Batches batches = Batches.of(dataset, 2);
      assertThrows(SampleException.class, () -> batches.fill(host, began));
      add(Batches.class, batches);
      add(Padding.class, Padding.toMaximum());
      add(Sample.class, Objects.requireNonNull(dataset.sample));
      samples.put(Dataset.class, dataset);
      add(CachedDataset.class, dataset.cached(100));
      String npy = "\u0093NUMPY\1\0\70\0{'descr': '|i1', 'fortran_order': False, 'shape': (1,)}";
      Files.writeString(folder.resolve("a.npy"), npy + "\nx", StandardCharsets.ISO_8859_1);
      add(NpyArray.class, NpyArray.map(folder.resolve("a.npy")));
      add(Path.class, folder);
      samples.put(LastBatch.class, LastBatch.PAD);
      samples.put(BadSample.class, new BadSample(0, new IOException()));
      samples.put(Throwable.class, new IOException());
      samples.put(BadSampleListener.class, (BadSampleListener) (epoch, index, sample) -> {});
      FailurePolicy.SkipListener nobody = (epoch, index, cause) -> {};
      samples.put(FailurePolicy.SkipListener.class, nobody);
      add(FailurePolicy.class, FailurePolicy.retry(1));
      int handles = TestDevice.handles(device);

      for (Class<?> type : publicTypes()) {
        if (!CALLED_BY_US.contains(type) && !Throwable.class.isAssignableFrom(type)) {
          tryAll(type);
        }
      }

      assertEquals(List.of(), wrong, () -> String.join("\n", wrong));
      assertEquals(true, tried.size() > 100, "so many were tried: " + tried.size());
      assertEquals(handles, TestDevice.handles(device));
      assertEquals(BatchSpec.builder().array("first", DType.INT8, 1).build(), spec.build());
      assertEquals(0, host.array(0).getByte(1));
      stream.synchronize();
      queue.submit(BatchSpec.builder().array("a", DType.INT8).build(), (out, context) -> {});
      queue.get().close();
      loader.get().close();
    }
  }

  private void add(Class<?> type, Object object) {
    subjects.put(type, object);
    samples.put(type, object);
  }

  private static List<Class<?>> publicTypes() throws Exception {
    Path root =
        Path.of(BatchSpec.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    List<Class<?>> types = new ArrayList<>();
    try (Stream<Path> files = Files.walk(root)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".class")).sorted().toList()) {
        String name =
            root.relativize(file).toString().replace('/', '.').replaceAll("\\.class$", "");
        if (!name.endsWith("-info")) {
          Class<?> type = Class.forName(name, false, BatchSpec.class.getClassLoader());
          if (isPublic(type)) {
            types.add(type);
          }
        }
      }
    }
    return types;
  }

  private static boolean isPublic(Class<?> type) {
    Class<?> outer = type.getEnclosingClass();
    return Modifier.isPublic(type.getModifiers()) && (outer == null || isPublic(outer));
  }

  private void tryAll(Class<?> type) throws Exception {
    for (Constructor<?> constructor : type.getConstructors()) {
      tryEach(type, constructor);
    }
    for (Method method : methods(type)) {
      boolean ofTheLanguage =
          method.isSynthetic() || method.getName().equals("equals") || isValueOf(method);
      if (Modifier.isPublic(method.getModifiers()) && !ofTheLanguage) {
        tryEach(type, method);
      }
    }
  }

  /** Its own, and those it has from superclasses that nobody sees. */
  private static List<Method> methods(Class<?> type) {
    List<Method> methods = new ArrayList<>(List.of(type.getDeclaredMethods()));
    Class<?> above = type.getSuperclass();
    while (above != null && !isPublic(above)) {
      methods.addAll(List.of(above.getDeclaredMethods()));
      above = above.getSuperclass();
    }
    return methods;
  }

  private static boolean isValueOf(Method method) {
    return method.getDeclaringClass().isEnum() && method.getName().equals("valueOf");
  }

  private void tryEach(Class<?> type, Executable called) throws Exception {
    Parameter[] parameters = called.getParameters();
    for (int i = 0; i < parameters.length; i++) {
      boolean maybe =
          parameters[i].getAnnotatedType().isAnnotationPresent(Nullable.class)
              || parameters[i].getType().isPrimitive();
      if (!maybe) {
        tryOne(type, called, i);
      }
    }
  }

  private void tryOne(Class<?> type, Executable called, int nulled) throws Exception {
    String what = called + ", parameter " + nulled;
    Object subject = subjects.get(type);
    if (called instanceof Method && !Modifier.isStatic(called.getModifiers()) && subject == null) {
      boolean ofCuda = type.getPackageName().endsWith(".cuda") && !TestDevice.IS_CUDA;
      if (!ofCuda) {
        wrong.add(what + ": the test has no object to call it on");
      }
      return;
    }
    Object[] arguments = new Object[called.getParameterCount()];
    for (int i = 0; i < arguments.length; i++) {
      arguments[i] = i == nulled ? null : sample(called.getParameterTypes()[i]);
    }
    tried.add(what);
    try {
      Object result =
          called instanceof Method method
              ? method.invoke(subject, arguments)
              : ((Constructor<?>) called).newInstance(arguments);
      wrong.add(what + ": returned " + result + " for " + Arrays.toString(arguments));
    } catch (InvocationTargetException e) {
      check(what, called.getParameters()[nulled], Objects.requireNonNull(e.getCause()));
    }
  }

  private Object sample(Class<?> type) {
    if (type.isPrimitive()) {
      return type == int.class ? (Object) 1 : type == long.class ? (Object) 1L : (Object) 1f;
    }
    Object sample = samples.get(type);
    return sample == null ? fail("the test has no object of " + type) : sample;
  }

  /** Without the compiler's -parameters the names are not known, but look like names. */
  private void check(String what, Parameter parameter, Throwable thrown) {
    String message = String.valueOf(thrown.getMessage());
    String name = message.replaceAll("[^\\w].*", "");
    boolean named =
        parameter.isNamePresent()
            ? name.equals(parameter.getName())
                || name.equals(parameter.getDeclaringExecutable().getName())
            : name.matches("[a-z]\\w*") && (name.equals(message) || message.startsWith(name + ":"));
    if (!(thrown instanceof NullPointerException) || !named) {
      wrong.add(what + ": " + thrown);
    }
  }

  /** Keeps what it is given, to be called later than a dataset may. */
  private static final class KeptSample implements Dataset {

    private @Nullable Sample sample;

    @Override
    public long size() {
      return 2;
    }

    @Override
    public void read(long index, Sample out) throws IOException {
      sample = out;
      throw new IOException("that is enough");
    }
  }

  /** Keeps what it is given, to be called later than a stage may. */
  private static final class Kept implements BatchStage {

    private @Nullable StageSlot slot;
    private volatile @Nullable StageInvocation run;

    @Override
    public void declare(StageArrays arrays) {}

    @Override
    public StageWork prepare(StageSlot slot) {
      this.slot = slot;
      return run -> this.run = run;
    }
  }
}
