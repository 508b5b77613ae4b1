"""Published classical detectors of abnormal sessions, each behind `session_models.model.Fit`."""
