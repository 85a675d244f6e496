package io.pentrough;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Who may import whom (docs/design.md). */
@AnalyzeClasses(packages = "io.pentrough", importOptions = DoNotIncludeTests.class)
final class ArchitectureTest {

  private static final String LOADER = "io.pentrough";
  private static final String DEVICE = "io.pentrough.device";
  private static final String HOST = "io.pentrough.device.host";
  private static final String CUDA = "io.pentrough.device.cuda";
  private static final String AUGMENT = "io.pentrough.augment";
  private static final String DATA = "io.pentrough.data";
  private static final String METRICS = "io.pentrough.metrics";

  @ArchTest
  static final ArchRule theLoaderKnowsDevicesAsInterfacesOnly =
      mayUse(LOADER, LOADER, DEVICE, "jdk.jfr");

  private static final String FLIGHT_RECORDER_EVENTS =
      "io\\.pentrough\\.Jfr(Events|\\w+Event)(\\$.*)?";

  /** That module may be missing. */
  @ArchTest
  static final ArchRule onlyTheEventsKnowTheFlightRecorder =
      noClasses()
          .that(not(nameMatching(FLIGHT_RECORDER_EVENTS)))
          .should()
          .dependOnClassesThat(resideInAPackage("jdk.jfr.."));

  @ArchTest
  static final ArchRule onlyOneClassKnowsTheOneThatMakesThem =
      noClasses()
          .that(not(nameMatching("io\\.pentrough\\.Jfr(\\$.*)?")))
          .and(not(nameMatching(FLIGHT_RECORDER_EVENTS)))
          .should()
          .dependOnClassesThat(nameMatching("io\\.pentrough\\.JfrEvents(\\$.*)?"));

  @ArchTest
  static final ArchRule onlyThatOneKnowsTheEvents =
      noClasses()
          .that(not(nameMatching(FLIGHT_RECORDER_EVENTS)))
          .should()
          .dependOnClassesThat(nameMatching("io\\.pentrough\\.Jfr\\w+Event(\\$.*)?"));

  @ArchTest
  static final ArchRule theDevicePackageKnowsNobody = mayUse(DEVICE, DEVICE, "com.sun.management");

  /** That module may be missing. */
  @ArchTest
  static final ArchRule onlyOneClassKnowsTheJvmsOptions =
      noClasses()
          .that(not(nameMatching("io\\.pentrough\\.device\\.DirectMemory\\$Management")))
          .should()
          .dependOnClassesThat(resideInAPackage("com.sun.management.."));

  @ArchTest static final ArchRule theHostDeviceIsPureJava = mayUse(HOST, HOST, DEVICE);

  @ArchTest static final ArchRule cudaIsJCuda = mayUse(CUDA, CUDA, DEVICE, "jcuda", "jcuda.driver");

  @ArchTest
  static final ArchRule stagesLaunchThroughTheDeviceInterface =
      mayUse(AUGMENT, AUGMENT, LOADER, DEVICE);

  @ArchTest
  static final ArchRule dataUsesTheLoadersPublicInterface = mayUse(DATA, DATA, LOADER, DEVICE);

  @ArchTest
  static final ArchRule metricsAreMicrometers =
      mayUse(METRICS, METRICS, LOADER, DEVICE, "io.micrometer.core..");

  @ArchTest
  static final ArchRule onlyMetricsKnowMicrometer =
      noClasses()
          .that(not(resideInAPackage(METRICS)))
          .should()
          .dependOnClassesThat(resideInAPackage("io.micrometer.."));

  @ArchTest
  static final ArchRule onlyCudaKnowsJCuda =
      noClasses()
          .that(not(resideInAPackage(CUDA)))
          .should()
          .dependOnClassesThat(resideInAPackage("jcuda.."));

  @ArchTest
  static final ArchRule thereAreNoOtherPackages =
      classes().should().resideInAnyPackage(LOADER, DEVICE, HOST, CUDA, AUGMENT, DATA, METRICS);

  @ArchTest
  static final ArchRule nobodyUsesUnsafe =
      noClasses().should().dependOnClassesThat(resideInAnyPackage("sun.misc", "jdk.internal.."));

  /** The engine's classes: each may refer to those behind it, and to none before it. */
  private static final List<String> ENGINE =
      List.of(
          "BatchIterator",
          "Lockstep",
          "StepMaker",
          "StepTurn",
          "LaneGroup",
          "Lane",
          "Engine",
          "Submissions",
          "CopyThread",
          "LeaseWatch",
          "WorkerWatch",
          "Closing",
          "Holders",
          "Consumers",
          "WaitGuard",
          "JobShortage",
          "Worker",
          "FirstFillCheck",
          "Producers",
          "Leases",
          "QueuedCopies",
          "InlineCopies",
          "MappedBatches",
          "StreamCopies",
          "CopyStrategy",
          "Copier",
          "CopierTurn",
          "Reclaimer",
          "CopyProgress",
          "Deliveries",
          "Skips",
          "StatusLog",
          "Reports",
          "Core",
          "LoaderMemory",
          "StageExecutor",
          "DeviceSlotMemory",
          "HostSlotMemory",
          "ReleaseFence",
          "ConsumerSignals",
          "CopyWatch",
          "IdleStrategy",
          "WorkerSignaller",
          "CopySignal",
          "Diagnosis",
          "LoaderSnapshot",
          "WorkerState",
          "SlotLedger",
          "DeviceRing",
          "HostRing",
          "DeliveryOrder",
          "Schedule",
          "EpochTable",
          "JobQueue",
          "JobSource",
          "StatsRecorder",
          "Stalls",
          "TraceRecorder",
          "DeviceSlot",
          "HostSlot",
          "RingSlot",
          "Time");

  @ArchTest
  static final ArchRule callsInTheEngineGoOneWay =
      classes()
          .that()
          .resideInAPackage(LOADER)
          .should(
              new ArchCondition<>("refer to no engine class before them") {
                @Override
                public void check(JavaClass item, ConditionEvents events) {
                  int own = ENGINE.indexOf(outermost(item));
                  for (Dependency dependency : item.getDirectDependenciesFromSelf()) {
                    int other = ENGINE.indexOf(outermost(dependency.getTargetClass()));
                    if (own >= 0 && other >= 0 && other < own) {
                      events.add(SimpleConditionEvent.violated(item, dependency.getDescription()));
                    }
                  }
                }
              });

  @ArchTest
  static void theEngineIsAllThere(JavaClasses classes) {
    for (String name : ENGINE) {
      classes.get(LOADER + "." + name); // throws if there is none
    }
  }

  /** A reader keeps one duty in his head: a file that grows beyond this has two. */
  @ArchTest
  static void theEnginesFilesAreShort(JavaClasses classes) throws IOException {
    for (String name : ENGINE) {
      if (classes.get(LOADER + "." + name).getModifiers().contains(JavaModifier.PUBLIC)) {
        continue; // most of it is for users
      }
      Path file = Path.of("src/main/java/io/pentrough", name + ".java");
      int lines = Files.readAllLines(file).size();
      assertTrue(lines <= 300, () -> file + " has " + lines + " lines: find its second duty");
    }
  }

  private static String outermost(JavaClass type) {
    String name = type.getName();
    if (!name.startsWith(LOADER + ".")) {
      return "";
    }
    int nested = name.indexOf('$');
    return name.substring(LOADER.length() + 1, nested < 0 ? name.length() : nested);
  }

  private static ArchRule mayUse(String who, String... whom) {
    return classes()
        .that()
        .resideInAPackage(who)
        .should()
        .onlyDependOnClassesThat(
            resideInAnyPackage(whom).or(resideInAnyPackage("java..", "org.jspecify.annotations")));
  }
}
