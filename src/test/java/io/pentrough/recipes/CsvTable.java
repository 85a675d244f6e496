package io.pentrough.recipes;

import io.pentrough.BatchSpec;
import io.pentrough.DType;
import io.pentrough.HostArray;
import io.pentrough.data.Dataset;
import io.pentrough.data.Sample;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;

// [csv-table]
/** A table with a header: columns of numbers, and a column that names the class. */
public record CsvTable(
    List<CSVRecord> rows, List<String> columns, String label, List<String> classes)
    implements Dataset {

  @Override
  public void read(long index, Sample out) throws IOException {
    CSVRecord row = rows.get((int) index);
    HostArray features = out.array("features");
    try {
      for (int i = 0; i < columns.size(); i++) {
        features.setFloat(i, Float.parseFloat(row.get(columns.get(i))));
      }
    } catch (IllegalArgumentException e) { // no number, or no such cell
      throw new IOException("record " + row.getRecordNumber() + " of the table: " + row, e);
    }
    out.array("label").setInt(0, classes.indexOf(row.get(label)));
  }

  @Override
  public long size() {
    return rows.size();
  }

  BatchSpec spec(int batchSize) {
    return BatchSpec.builder()
        .array("features", DType.FLOAT32, batchSize, columns.size())
        .array("label", DType.INT32, batchSize)
        .build();
  }

  static CsvTable of(Path file, String label) throws IOException {
    CSVFormat format = CSVFormat.RFC4180.builder().setHeader().setSkipHeaderRecord(true).get();
    try (CSVParser parser = CSVParser.parse(file, StandardCharsets.UTF_8, format)) {
      if (!parser.getHeaderNames().contains(label)) {
        throw new IOException(
            file + " has no column " + label + ", but " + parser.getHeaderNames());
      }
      List<String> columns =
          parser.getHeaderNames().stream().filter(name -> !name.equals(label)).toList();
      List<CSVRecord> rows = parser.getRecords();
      List<String> classes =
          rows.stream()
              .filter(row -> row.isSet(label)) // a row may be too short
              .map(row -> row.get(label))
              .distinct()
              .sorted()
              .toList();
      return new CsvTable(rows, columns, label, classes);
    }
  }
}
// [/csv-table]
