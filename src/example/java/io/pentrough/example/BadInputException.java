package io.pentrough.example;

/** A wrong option or file. The message is one sentence that names the value, for the user. */
final class BadInputException extends RuntimeException {

  private static final long serialVersionUID = 1;

  BadInputException(String message) {
    super(message);
  }

  BadInputException(String message, Throwable cause) {
    super(message, cause);
  }
}
