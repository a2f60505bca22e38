"""The robots that ship with Athena-WBC: one folder each, with robot.yaml, the MJCF and the owner's notice."""
