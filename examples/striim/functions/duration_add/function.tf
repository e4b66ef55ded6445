# 2027-05-10T00:00:00Z
output "expiry" {
  value = provider::striim::duration_add("2027-02-09T01:00:00+01:00", "90d")
}
