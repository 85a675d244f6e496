package io.pentrough;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** Who may import whom (docs/design.md). */
@AnalyzeClasses(packages = "io.pentrough", importOptions = DoNotIncludeTests.class)
final class ArchitectureTest {

  private static final String LOADER = "io.pentrough";
  private static final String DEVICE = "io.pentrough.device";
  private static final String HOST = "io.pentrough.device.host";
  private static final String CUDA = "io.pentrough.device.cuda";
  private static final String AUGMENT = "io.pentrough.augment";

  @ArchTest
  static final ArchRule theLoaderKnowsDevicesAsInterfacesOnly = mayUse(LOADER, LOADER, DEVICE);

  @ArchTest static final ArchRule theDevicePackageKnowsNobody = mayUse(DEVICE, DEVICE);

  @ArchTest static final ArchRule theHostDeviceIsPureJava = mayUse(HOST, HOST, DEVICE);

  @ArchTest static final ArchRule cudaIsJCuda = mayUse(CUDA, CUDA, DEVICE, "jcuda", "jcuda.driver");

  @ArchTest
  static final ArchRule stagesLaunchThroughTheDeviceInterface =
      mayUse(AUGMENT, AUGMENT, LOADER, DEVICE);

  @ArchTest
  static final ArchRule onlyCudaKnowsJCuda =
      noClasses()
          .that(not(resideInAPackage(CUDA)))
          .should()
          .dependOnClassesThat(resideInAPackage("jcuda.."));

  @ArchTest
  static final ArchRule thereAreNoOtherPackages =
      classes().should().resideInAnyPackage(LOADER, DEVICE, HOST, CUDA, AUGMENT);

  @ArchTest
  static final ArchRule nobodyUsesUnsafe =
      noClasses().should().dependOnClassesThat(resideInAnyPackage("sun.misc", "jdk.internal.."));

  private static ArchRule mayUse(String who, String... whom) {
    return classes()
        .that()
        .resideInAPackage(who)
        .should()
        .onlyDependOnClassesThat(
            resideInAnyPackage(whom).or(resideInAnyPackage("java..", "org.jspecify.annotations")));
  }
}
