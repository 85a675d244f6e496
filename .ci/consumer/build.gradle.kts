// The same program, as the README says for Gradle. check.sh builds and runs it where Gradle is installed.
plugins { application }

repositories {
  maven { url = uri(providers.gradleProperty("builtHere").get()) }
  mavenCentral()
}

dependencies {
  implementation("io.pentrough:pentrough:" + providers.gradleProperty("pentroughVersion").get())
  runtimeOnly("org.jcuda:jcuda-natives:12.6.0:linux-x86_64")
}

application { mainClass = "Main" }
