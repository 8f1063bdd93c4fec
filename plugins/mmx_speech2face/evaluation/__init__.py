"""Judgement of face features predicted from voices: retrieval, attributes, measures, groups and figures."""
